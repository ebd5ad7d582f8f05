import type { Context, DataLoader } from '../../context.ts'
import { findByIds } from '../../db/page.ts'
import { type AgentRow, agents, visibleAgents } from './agent.queries.ts'

/** The agents of these ids, each null where the caller does not see it. */
export const agentLoader = (context: Context): DataLoader<AgentRow | null> =>
  context.batch('agent', (ids) =>
    findByIds<AgentRow>(
      context.deps.prisma,
      { ...agents, where: visibleAgents(context.caller) },
      ids,
    ),
  )
