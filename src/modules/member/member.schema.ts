import { builder } from '../../schema/builder.ts'
import { entity } from '../../schema/entity.ts'
import { searchInput } from '../../schema/filter-input.ts'
import { modelConnection, modelList, nestedList, pageArgs } from '../../schema/pagination.ts'
import { listPage, parentsPage } from '../../schema/visible-rows.ts'
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
    spaces: t.field(
      nestedList(
        'Space',
        'spaces:read',
        'The spaces that they were added to, as far as the caller sees them.',
        spacesOfMembers,
      ),
    ),
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

entity('mem', Member, {
  item: 'member',
  guard: 'members:read',
  description: 'One member.',
  noun: 'membership',
  find: (context, ids, plan) => {
    const where = { AND: [visibleMembers(context.caller), { id: { in: ids } }] }
    return context.deps.prisma.member.findMany({ ...plan, where })
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

builder.queryField('members', (t) =>
  t.field({
    ...modelList('Member', 'members:read', 'The members, people and machine users.', MemberFilter),
    resolve: (_root, { filter, ...args }, context, info) => {
      const { deps, caller } = context
      const narrowed = memberFilter(context, { ...filter, search: searchInput(filter?.search) })
      return listPage(context, info, args, [visibleMembers(caller), narrowed], (query) =>
        deps.prisma.member.findMany(query),
      )
    },
  }),
)
