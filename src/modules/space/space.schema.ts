import type { GraphQLResolveInfo } from 'graphql'
import { builder } from '../../schema/builder.ts'
import type { Context } from '../../schema/context.ts'
import { searchInput } from '../../schema/filter-input.ts'
import { nodeType } from '../../schema/node.ts'
import { modelConnection, pageArgs } from '../../schema/pagination.ts'
import { listPage, parentsPage, planOf, rowsById } from '../../schema/visible-rows.ts'
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
    agents: t.field({
      type: modelConnection('Agent'),
      nullable: true,
      guard: 'agents:read',
      description: 'The agents that live in it, among other spaces perhaps.',
      args: pageArgs(t.arg),
      resolve: ({ id }, args, context, info) =>
        parentsPage(context, info, id, args, () => agentsOfSpaces(context.caller)),
    }),
    members: t.field({
      type: modelConnection('Member'),
      nullable: true,
      guard: 'members:read',
      description: 'The members of the space.',
      args: pageArgs(t.arg),
      resolve: ({ id }, args, context, info) =>
        parentsPage(context, info, id, args, () => membersOfSpaces(context.caller)),
    }),
    apiKeys: t.field({
      type: modelConnection('ApiKey'),
      nullable: true,
      guard: 'keys:read',
      description: 'The keys that name it, and those for all spaces.',
      args: pageArgs(t.arg),
      resolve: ({ id }, args, context, info) =>
        parentsPage(context, info, id, args, () => keysOfSpaces(context.caller)),
    }),
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

nodeType('spc', Space, {
  item: 'space',
  find: (context, ids, info) => {
    const where = visibleSpacesOf(context.caller, ids)
    return context.deps.prisma.space.findMany({ ...planOf(context, info, 'Space'), where })
  },
})

const SpaceFilter = builder.inputType('SpaceFilter', {
  description: 'Filters of a list of spaces; all that are given apply.',
  fields: (t) => ({
    visibility: t.field({ type: SpaceVisibilityType, description: 'Spaces of this visibility.' }),
    search: t.string({ description: 'Part of the name.' }),
  }),
})

builder.queryFields((t) => ({
  space: t.prismaField({
    type: 'Space',
    nullable: true,
    guard: 'spaces:read',
    description: 'One space.',
    args: { id: t.arg.id({ required: true, description: 'The id of the space.' }) },
    resolve: (query, _root, { id }, { deps, caller }) =>
      deps.prisma.space.findFirst({ ...query, where: visibleSpacesOf(caller, [id]) }),
  }),
  spaces: t.field({
    type: modelConnection('Space'),
    nullable: true,
    guard: 'spaces:read',
    description: 'The spaces within reach.',
    args: {
      ...pageArgs(t.arg),
      filter: t.arg({ type: SpaceFilter, description: 'Filters the list.' }),
    },
    resolve: (_root, { filter, ...args }, context, info) => {
      const { deps, caller } = context
      const narrowed = spaceFilter({ ...filter, search: searchInput(filter?.search) })
      return listPage(context, info, args, [visibleSpaces(caller), narrowed], (query) =>
        deps.prisma.space.findMany(query),
      )
    },
  }),
}))
