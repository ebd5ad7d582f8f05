import type { ExecutionResult } from 'graphql'
import { type Principal, userIdOf } from '../auth/caller.ts'
import { rateLimited } from '../errors.ts'
import { type Awaitable, whenKnown } from '../when-known.ts'
import { CallerQueue } from './caller-queue.ts'

/** A query of a known caller, whose client is there until the signal. */
export interface Query {
  readonly cost: number
  readonly signal: AbortSignal
  readonly execute: () => Awaitable<ExecutionResult>
}

/** Whose query it is, and what it is charged to. */
interface Charged {
  readonly principal: Principal
  /** @throws RequestError RATE_LIMITED, and nothing is charged */
  charge(cost: number): Awaitable<void>
}

/** The embedded database does one thing at a time; PostgreSQL as many as there are connections to it. */
const turnsOf = (embedded: boolean) => ({
  /** Of a key with its tokens, or a person. */
  caller: new CallerQueue({ atOnce: embedded ? 4 : 10, waiting: 200 }),
  /** Of its keys one after another. */
  workspace: new CallerQueue({ atOnce: embedded ? 8 : 20 }),
})

/**
 * Executes the queries of a caller a few at a time, and so those of a workspace. What comes when too
 * many wait is refused before it is charged.
 */
export function createQueryQueue(embedded: boolean) {
  const turns = turnsOf(embedded)
  return (context: Charged, { cost, signal, execute }: Query): Awaitable<ExecutionResult> => {
    const { principal } = context
    const userId = userIdOf(principal)
    const caller = ('key' in principal && principal.key?.id) || userId
    // Only looks, for the answer tells how the limits stand.
    if (turns.caller.isFull(caller))
      return whenKnown(context.charge(0), () => {
        throw rateLimited(1)
      })
    const result = turns.caller.run(caller, {
      signal,
      admit: () => context.charge(cost),
      work: () => turns.workspace.run(principal.workspaceId ?? userId, { signal, work: execute }),
    })
    return whenKnown(result, (given) => given ?? { data: null })
  }
}
