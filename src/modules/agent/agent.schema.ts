import { pageRequest } from '../../db/page.ts'
import { type Agent as AgentRow, Prisma } from '../../generated/prisma/client.ts'
import { reachedSpaces } from '../../limits/list-size.ts'
import { builder } from '../../schema/builder.ts'
import type { Context, DataLoader } from '../../schema/context.ts'
import { entity } from '../../schema/entity.ts'
import { searchInput } from '../../schema/filter-input.ts'
import { loadList } from '../../schema/load-list.ts'
import { modelList, modelType, nestedList } from '../../schema/pagination.ts'
import { textWithinBudget } from '../../schema/text-within-budget.ts'
import {
  listPage,
  type VisibleList,
  visibleLoader,
  visibleRows,
} from '../../schema/visible-rows.ts'
import { userField } from '../member/user.schema.ts'
import { sessionsOfAgents } from '../session/session.visibility.ts'
import { spaceLoader } from '../space/space.schema.ts'
import { maxSpaces } from './agent.input.ts'
import { agentsOfPage, agentsSeen, liveAgents, visibleAgents } from './agent.visibility.ts'

export const AgentStatusType = builder.enumType('AgentStatus', {
  description: 'Whether an agent is in use.',
  values: {
    ACTIVE: { description: 'In use.' },
    ARCHIVED: { description: 'Kept, and out of use.' },
  } as const,
})

/** The ids of an agent's spaces, deleted ones included. */
const spaceIdsLoader = (context: Context): DataLoader<string[]> =>
  context.loader('agent.spaceIds', async (ids) => {
    const { deps, budget, caller } = context
    const its = Prisma.sql`"AgentSpace"
      WHERE "workspaceId" = ${caller.workspaceId} AND "agentId" = ANY(${ids}::text[])`
    const [sum] = await deps.prisma.$queryRaw<{ bytes: number | null }[]>`
      SELECT sum(octet_length("spaceId"))::float8 AS bytes FROM ${its}`
    budget.countRead(sum?.bytes ?? 0)
    const rows = await deps.prisma.$queryRaw<{ id: string; spaceIds: string[] }[]>`
      SELECT "agentId" AS id, array_agg("spaceId" ORDER BY "spaceId") AS "spaceIds" FROM ${its}
       GROUP BY "agentId"`
    const byAgent = new Map(rows.map(({ id, spaceIds }) => [id, spaceIds]))
    return ids.map((id) => byAgent.get(id) ?? [])
  })

export const Agent = builder.prismaObject('Agent', {
  select: { id: true, workspaceId: true, createdAt: true },
  description: 'An agent: instructions for a model, in one or more spaces.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the agent.' }),
    name: t.exposeString('name', { description: 'The name of the agent.' }),
    description: t.exposeString('description', {
      nullable: true,
      description: 'A description of the agent.',
    }),
    instructions: t.string({
      nullable: true,
      description: 'The instructions for the model.',
      resolve: ({ id }, _args, context) => textWithinBudget(context, 'Agent.instructions', id),
    }),
    model: t.exposeString('model', { nullable: true, description: 'The model that runs it.' }),
    status: t.expose('status', { type: AgentStatusType, description: 'Whether it is in use.' }),
    version: t.exposeInt('version', {
      description: 'Raised by every update; a session keeps the version that it began with.',
    }),
    spaceIds: t.idList({
      listSize: maxSpaces,
      description: 'An agent is within reach only of who reaches every one of these.',
      resolve: ({ id }, _args, context) => spaceIdsLoader(context).load(id),
    }),
    spaces: t.field({
      type: [modelType('Space')],
      nullable: true,
      guard: 'spaces:read',
      listSize: reachedSpaces,
      description: 'Its spaces, as far as the caller sees them.',
      resolve: async ({ id }, _args, context, info) => {
        const ids = await spaceIdsLoader(context).load(id)
        return await loadList(context, () => spaceLoader(context, info), ids)
      },
    }),
    sessions: t.field(
      nestedList(
        'Session',
        'sessions:read',
        'The sessions with it; those that the caller sees.',
        sessionsOfAgents,
      ),
    ),
    createdBy: t.field(userField('createdById', 'The user who created the agent.')),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
  }),
})

const agentList = ({ deps, caller }: Context): VisibleList<Prisma.AgentWhereInput, AgentRow> => ({
  all: liveAgents(caller),
  visible: () => visibleAgents(caller),
  check: (ids) => agentsSeen(deps.prisma, caller, ids),
  find: (query) => deps.prisma.agent.findMany(query as Prisma.AgentFindManyArgs),
})

/** The agents of these ids, each null where the caller does not see it, as one field shows them. */
export const agentLoader = visibleLoader(agentList)

entity('agt', Agent, {
  item: 'agent',
  guard: 'agents:read',
  description: 'One agent.',
  noun: 'agent',
  find: (context, ids, plan) => visibleRows(context, agentList(context), ids, plan),
})

const AgentFilter = builder.inputType('AgentFilter', {
  description: 'Filters of a list of agents; all that are given apply.',
  fields: (t) => ({
    spaceId: t.id({ description: 'Agents that live in this space.' }),
    status: t.field({ type: AgentStatusType, description: 'Whether they are in use.' }),
    search: t.string({ description: 'Part of the name.' }),
  }),
})

builder.queryField('agents', (t) =>
  t.field({
    ...modelList(
      'Agent',
      'agents:read',
      'The agents within reach: those all of whose spaces are.',
      AgentFilter,
    ),
    resolve: async (_root, { filter, ...args }, context, info) => {
      const { deps, caller } = context
      const asked = { ...filter, search: searchInput(filter?.search) }
      const where = await agentsOfPage(deps.prisma, caller, asked, pageRequest(args))
      return await listPage(context, info, args, [where], (query) =>
        deps.prisma.agent.findMany(query),
      )
    },
  }),
)
