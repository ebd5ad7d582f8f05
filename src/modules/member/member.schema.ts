import { hasId } from '../../db/where.ts'
import { builder } from '../../schema/builder.ts'
import { searchInput } from '../../schema/filter-input.ts'
import { nodeType } from '../../schema/node.ts'
import { modelConnection, pageArgs } from '../../schema/pagination.ts'
import { listPage, parentsPage, planOf } from '../../schema/visible-rows.ts'
import { isOwned, keysOfMembers } from '../api-key/api-key.visibility.ts'
import { keyCounts } from '../api-key/key-counts.ts'
import { spacesOfMembers } from '../space/space.visibility.ts'
import { memberFilter, visibleMembers } from './member.visibility.ts'
import { RoleType, User, UserKindType } from './user.schema.ts'

export const Member = builder.prismaObject('Member', {
  select: { id: true, workspaceId: true, createdAt: true },
  description: 'A user in this workspace, with a role.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the membership.' }),
    user: t.field({
      type: User,
      guard: 'public',
      description: 'The user of the membership.',
      select: { userId: true, name: true, email: true },
      resolve: ({ userId, name, email }) => ({ id: userId, name, email }),
    }),
    role: t.expose('role', {
      type: RoleType,
      description: "The member's role, the most that they can do.",
    }),
    keyCount: t.int({
      nullable: true,
      guard: 'keys:read',
      description: 'How many keys of theirs the caller sees.',
      select: { userId: true },
      resolve: ({ userId }, _args, context) => keyCounts(context, 'owner', isOwned).load(userId),
    }),
    spaces: t.field({
      type: modelConnection('Space'),
      nullable: true,
      guard: 'spaces:read',
      description: 'The spaces that they were added to, as far as the caller sees them.',
      args: pageArgs(t.arg),
      resolve: ({ id }, args, context, info) =>
        parentsPage(context, info, id, args, () => spacesOfMembers(context.caller)),
    }),
    apiKeys: t.field({
      type: modelConnection('ApiKey'),
      nullable: true,
      guard: 'keys:read',
      description: 'Their keys, as far as the caller sees them.',
      args: pageArgs(t.arg),
      select: { userId: true },
      resolve: ({ userId }, args, context, info) =>
        parentsPage(context, info, userId, args, () => keysOfMembers(context.caller)),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When they were added.' }),
  }),
})

nodeType('mem', Member, {
  item: 'member',
  find: (context, ids, info) => {
    const where = { AND: [visibleMembers(context.caller), { id: { in: ids } }] }
    return context.deps.prisma.member.findMany({ ...planOf(context, info, 'Member'), where })
  },
})

const MemberFilter = builder.inputType('MemberFilter', {
  description: 'Filters of a list of members; all that are given apply.',
  fields: (t) => ({
    kind: t.field({ type: UserKindType, description: 'People or machine users.' }),
    role: t.field({ type: RoleType, description: 'Their role.' }),
    spaceId: t.id({
      guard: { permission: 'spaces:read' },
      description: 'Members of this space.',
    }),
    search: t.string({ description: 'Part of the name or e-mail.' }),
  }),
})

builder.queryFields((t) => ({
  member: t.prismaField({
    type: 'Member',
    nullable: true,
    guard: 'members:read',
    description: 'One member.',
    args: { id: t.arg.id({ required: true, description: 'The id of the membership.' }) },
    resolve: (query, _root, { id }, { deps, caller }) =>
      deps.prisma.member.findFirst({
        ...query,
        where: { AND: [visibleMembers(caller), hasId(id)] },
      }),
  }),
  members: t.field({
    type: modelConnection('Member'),
    nullable: true,
    guard: 'members:read',
    description: 'The members, people and machine users.',
    args: {
      ...pageArgs(t.arg),
      filter: t.arg({ type: MemberFilter, description: 'Filters the list.' }),
    },
    resolve: (_root, { filter, ...args }, context, info) => {
      const { deps, caller } = context
      const narrowed = memberFilter(caller, { ...filter, search: searchInput(filter?.search) })
      return listPage(context, info, args, [visibleMembers(caller), narrowed], (query) =>
        deps.prisma.member.findMany(query),
      )
    },
  }),
}))
