import { builder } from '../../builder.ts'
import { findOne, findPage, pageRequest, parentId } from '../../db/page.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { pageArgs } from '../../graphql/connection.ts'
import { searchInput } from '../../graphql/filter-input.ts'
import { nestedPage } from '../../graphql/nested-page.ts'
import { apiKeys, visibleKeys } from '../api-key/api-key.queries.ts'
import { keyCounts } from '../api-key/key-counts.ts'
import { ApiKeyConnection, Member, MemberConnection, SpaceConnection } from '../refs.ts'
import { spaces, visibleSpaces } from '../space/space.queries.ts'
import { memberFilter, members, visibleMembers } from './member.queries.ts'
import { RoleType, User, UserKindType } from './user.schema.ts'

const spacesOfMember = Prisma.sql`EXISTS (
  SELECT 1 FROM "SpaceMember" sm
   WHERE sm."workspaceId" = s."workspaceId" AND sm."spaceId" = s.id AND sm."memberId" = ${parentId})`

Member.implement({
  description: 'A user in this workspace, with a role.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the membership.' }),
    user: t.field({
      type: User,
      guard: 'public',
      description: 'Whose membership it is.',
      resolve: ({ userId, kind, name, email }) => ({ id: userId, kind, name, email }),
    }),
    role: t.expose('role', { type: RoleType, description: 'What they can do at most.' }),
    keyCount: t.int({
      nullable: true,
      guard: 'keys:read',
      description: 'How many keys of theirs the caller sees.',
      resolve: ({ userId }, _args, context) =>
        keyCounts(context, 'owner', Prisma.sql`k."ownerId" = ${parentId}`).load(userId),
    }),
    spaces: t.field({
      type: SpaceConnection,
      nullable: true,
      guard: 'spaces:read',
      description: 'The spaces that they were added to, as far as the caller sees them.',
      args: pageArgs(t.arg),
      resolve: ({ id }, args, context) =>
        nestedPage(context, 'Member.spaces', id, args, () => ({
          ...spaces,
          where: visibleSpaces(context.caller),
          tie: spacesOfMember,
          isShared: true,
        })),
    }),
    apiKeys: t.field({
      type: ApiKeyConnection,
      nullable: true,
      guard: 'keys:read',
      description: 'Their keys, as far as the caller sees them.',
      args: pageArgs(t.arg),
      resolve: ({ userId }, args, context) =>
        nestedPage(context, 'Member.apiKeys', userId, args, () => ({
          ...apiKeys,
          where: visibleKeys(context.caller),
          tie: Prisma.sql`k."ownerId" = ${parentId}`,
        })),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When they were added.' }),
  }),
})

const MemberFilter = builder.inputType('MemberFilter', {
  description: 'What a list of members is narrowed by; all of what is given.',
  fields: (t) => ({
    kind: t.field({ type: UserKindType, description: 'People or machine users.' }),
    role: t.field({ type: RoleType, description: 'Their role.' }),
    spaceId: t.id({
      guard: { permission: 'spaces:read' },
      description: 'Those who were added to this space.',
    }),
    search: t.string({ description: 'Part of the name or e-mail.' }),
  }),
})

builder.queryFields((t) => ({
  member: t.field({
    type: Member,
    nullable: true,
    guard: 'members:read',
    description: 'One member.',
    args: { id: t.arg.id({ required: true, description: 'The id of the membership.' }) },
    resolve: (_root, { id }, { deps, caller }) =>
      findOne(deps.prisma, { ...members, where: visibleMembers(caller) }, id),
  }),
  members: t.field({
    type: MemberConnection,
    nullable: true,
    guard: 'members:read',
    description: 'The members, people and machine users.',
    args: {
      ...pageArgs(t.arg),
      filter: t.arg({ type: MemberFilter, description: 'What to narrow the list by.' }),
    },
    resolve: (_root, { filter, ...args }, { deps, caller }) => {
      const narrowed = memberFilter(caller, { ...filter, search: searchInput(filter?.search) })
      const where = Prisma.sql`${visibleMembers(caller)} AND ${narrowed}`
      return findPage(deps.prisma, { ...members, where }, pageRequest(args))
    },
  }),
}))
