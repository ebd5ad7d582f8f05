import { builder } from '../../builder.ts'
import { findOne, findPage, pageRequest, parentId } from '../../db/page.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { pageArgs } from '../../graphql/connection.ts'
import { descriptionField } from '../../graphql/description-field.ts'
import { searchInput } from '../../graphql/filter-input.ts'
import { nestedPage } from '../../graphql/nested-page.ts'
import { agents, agentsOfSpace, visibleAgents } from '../agent/agent.queries.ts'
import { apiKeys, keysOfSpace, visibleKeys } from '../api-key/api-key.queries.ts'
import { members, membersOfSpace, visibleMembers } from '../member/member.queries.ts'
import {
  AgentConnection,
  ApiKeyConnection,
  MemberConnection,
  Space,
  SpaceConnection,
} from '../refs.ts'
import { spaceFilter, spaces, visibleSpaces } from './space.queries.ts'

export const SpaceVisibilityType = builder.enumType('SpaceVisibility', {
  description: 'Who reaches a space.',
  values: {
    OPEN: { description: 'Every member of the workspace reaches it.' },
    RESTRICTED: { description: 'Only its members, and workspace admins, reach it.' },
  } as const,
})

Space.implement({
  description: 'A part of the workspace that keys are granted one by one.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the space.' }),
    name: t.exposeString('name', { description: 'Unique in the workspace, in any case.' }),
    description: descriptionField(t),
    visibility: t.expose('visibility', {
      type: SpaceVisibilityType,
      description: 'Who reaches it.',
    }),
    agents: t.field({
      type: AgentConnection,
      nullable: true,
      guard: 'agents:read',
      description: 'The agents that live in it, among other spaces perhaps.',
      args: pageArgs(t.arg),
      resolve: ({ id }, args, context) =>
        nestedPage(context, 'Space.agents', id, args, () => ({
          ...agents,
          where: visibleAgents(context.caller),
          tie: agentsOfSpace(parentId),
          isShared: true,
        })),
    }),
    members: t.field({
      type: MemberConnection,
      nullable: true,
      guard: 'members:read',
      description: 'Those who were added to it.',
      args: pageArgs(t.arg),
      resolve: ({ id }, args, context) =>
        nestedPage(context, 'Space.members', id, args, () => ({
          ...members,
          where: visibleMembers(context.caller),
          tie: membersOfSpace(parentId),
        })),
    }),
    apiKeys: t.field({
      type: ApiKeyConnection,
      nullable: true,
      guard: 'keys:read',
      description: 'The keys that name it, and those for all spaces.',
      args: pageArgs(t.arg),
      resolve: ({ id }, args, context) =>
        nestedPage(context, 'Space.apiKeys', id, args, () => ({
          ...apiKeys,
          where: visibleKeys(context.caller),
          tie: keysOfSpace(parentId),
          isShared: true,
        })),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
  }),
})

const SpaceFilter = builder.inputType('SpaceFilter', {
  description: 'What a list of spaces is narrowed by; all of what is given.',
  fields: (t) => ({
    visibility: t.field({ type: SpaceVisibilityType, description: 'Who reaches them.' }),
    search: t.string({ description: 'Part of the name.' }),
  }),
})

builder.queryFields((t) => ({
  space: t.field({
    type: Space,
    nullable: true,
    guard: 'spaces:read',
    description: 'One space.',
    args: { id: t.arg.id({ required: true, description: 'The id of the space.' }) },
    resolve: (_root, { id }, { deps, caller }) =>
      findOne(deps.prisma, { ...spaces, where: visibleSpaces(caller) }, id),
  }),
  spaces: t.field({
    type: SpaceConnection,
    nullable: true,
    guard: 'spaces:read',
    description: 'The spaces within reach.',
    args: {
      ...pageArgs(t.arg),
      filter: t.arg({ type: SpaceFilter, description: 'What to narrow the list by.' }),
    },
    resolve: (_root, { filter, ...args }, { deps, caller }) => {
      const narrowed = spaceFilter({ ...filter, search: searchInput(filter?.search) })
      const where = Prisma.sql`${visibleSpaces(caller)} AND ${narrowed}`
      return findPage(deps.prisma, { ...spaces, where }, pageRequest(args))
    },
  }),
}))
