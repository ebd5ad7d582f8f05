import type { ExecutionResult } from 'graphql'
import { userIdOf } from '../auth/caller.ts'
import type { Context } from '../context.ts'
import { rateLimited } from '../errors.ts'
import { CallerTurns } from './caller-turns.ts'

/** A query of a known caller, whose client is there until the signal. */
export interface Query {
  readonly cost: number
  readonly signal: AbortSignal
  readonly execute: () => Promise<ExecutionResult>
}

/** The embedded database does one thing at a time; PostgreSQL as many as there are connections to it. */
const turnsOf = (embedded: boolean) => ({
  /** Of a key with its tokens, or a person. */
  caller: new CallerTurns({ atOnce: embedded ? 4 : 10, waiting: 200 }),
  /** Of its keys one after another. */
  workspace: new CallerTurns({ atOnce: embedded ? 8 : 20 }),
})

/**
 * Executes the queries of a caller a few at a time, and so those of a workspace. What comes when too
 * many wait is refused before it is charged.
 */
export function createQueryTurns(embedded: boolean) {
  const turns = turnsOf(embedded)
  return async (context: Context, { cost, signal, execute }: Query): Promise<ExecutionResult> => {
    const { principal } = context
    const userId = userIdOf(principal)
    const caller = ('key' in principal && principal.key?.id) || userId
    if (turns.caller.isFull(caller)) {
      // Only looks, for the answer tells how the limits stand.
      await context.charge(0)
      throw rateLimited(1)
    }
    const result = await turns.caller.run(caller, {
      signal,
      admit: () => context.charge(cost),
      work: () => turns.workspace.run(principal.workspaceId ?? userId, { signal, work: execute }),
    })
    return result ?? { data: null }
  }
}
