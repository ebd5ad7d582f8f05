import type { GraphQLResolveInfo } from 'graphql'
import { builder } from '../../schema/builder.ts'
import type { Context } from '../../schema/context.ts'
import { entity } from '../../schema/entity.ts'
import { searchInput } from '../../schema/filter-input.ts'
import { modelList, nestedList } from '../../schema/pagination.ts'
import { listPage, planOf, rowsById } from '../../schema/visible-rows.ts'
import { agentsOfSpaces } from '../agent/agent.visibility.ts'
import { keysOfSpaces } from '../api-key/api-key.visibility.ts'
import { membersOfSpaces } from '../member/member.visibility.ts'
import { spaceFilter, visibleSpaces, visibleSpacesOf } from './space.visibility.ts'

export const SpaceVisibilityType = builder.enumType('SpaceVisibility', {
  description: 'The visibility of a space.',
  values: {
    OPEN: { description: 'Every member of the workspace reaches it.' },
    RESTRICTED: { description: 'Only its members, and workspace admins, reach it.' },
  } as const,
})

export const Space = builder.prismaObject('Space', {
  select: { id: true, workspaceId: true, createdAt: true },
  description: 'A part of the workspace that keys are granted one by one.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the space.' }),
    name: t.exposeString('name', { description: 'Unique in the workspace, in any case.' }),
    description: t.exposeString('description', {
      nullable: true,
      description: 'A description of the space.',
    }),
    visibility: t.expose('visibility', {
      type: SpaceVisibilityType,
      description: 'The visibility of the space.',
    }),
    agents: t.field(
      nestedList(
        'Agent',
        'agents:read',
        'The agents that live in it, among other spaces perhaps.',
        agentsOfSpaces,
      ),
    ),
    members: t.field(
      nestedList('Member', 'members:read', 'The members of the space.', membersOfSpaces),
    ),
    apiKeys: t.field(
      nestedList(
        'ApiKey',
        'keys:read',
        'The keys that name it, and those for all spaces.',
        keysOfSpaces,
      ),
    ),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
  }),
})

/** The spaces of these ids, each null where the caller does not see it, as one field shows them. */
export const spaceLoader = (context: Context, info: GraphQLResolveInfo) => {
  const { deps, caller } = context
  const plan = planOf(context, info)
  return rowsById(context, info, (ids) =>
    deps.prisma.space.findMany({ ...plan, where: visibleSpacesOf(caller, ids) }),
  )
}

entity('spc', Space, {
  item: 'space',
  guard: 'spaces:read',
  description: 'One space.',
  noun: 'space',
  find: (context, ids, plan) => {
    const where = visibleSpacesOf(context.caller, ids)
    return context.deps.prisma.space.findMany({ ...plan, where })
  },
})

const SpaceFilter = builder.inputType('SpaceFilter', {
  description: 'Filters of a list of spaces; all that are given apply.',
  fields: (t) => ({
    visibility: t.field({ type: SpaceVisibilityType, description: 'Spaces of this visibility.' }),
    search: t.string({ description: 'Part of the name.' }),
  }),
})

builder.queryField('spaces', (t) =>
  t.field({
    ...modelList('Space', 'spaces:read', 'The spaces within reach.', SpaceFilter),
    resolve: (_root, { filter, ...args }, context, info) => {
      const { deps, caller } = context
      const narrowed = spaceFilter({ ...filter, search: searchInput(filter?.search) })
      return listPage(context, info, args, [visibleSpaces(caller), narrowed], (query) =>
        deps.prisma.space.findMany(query),
      )
    },
  }),
)
