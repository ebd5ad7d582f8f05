import { silenceOf } from '../db/silence.ts'
import { serviceUnavailable } from '../errors.ts'
import { abortable, withTimeout } from '../timeout.ts'

interface Line {
  last: Promise<unknown>
  length: number
}

/** By database client, then by workspace. */
const linesOf = new WeakMap<object, Map<string, Line>>()

/** Beyond this queue length a transaction fails with 503: waiting would outlast the client. */
const maxLength = 500

/** A transaction that waits longer fails with 503: its client has given up or retried (milliseconds). */
const longestWaitMs = 10_000

/**
 * How long a transaction over several workspaces waits for the next mutex while it holds others
 * (milliseconds).
 */
export const nestedWaitMs = 1_000

/** How many transactions hold or wait for the mutex of a workspace, or of another id. */
export const queueDepth = (database: object, id: string): number =>
  linesOf.get(database)?.get(id)?.length ?? 0

/**
 * Waits for the mutex of a workspace.
 *
 * @returns releases the mutex
 * @throws RequestError SERVICE_UNAVAILABLE when the queue is too long, when the wait is too long, or
 *   when the database hangs
 */
async function turnIn(
  database: object,
  workspaceId: string,
  idleTimeoutMs: number,
): Promise<() => void> {
  const lines = linesOf.get(database) ?? new Map<string, Line>()
  linesOf.set(database, lines)
  const line = lines.get(workspaceId) ?? { last: Promise.resolve(), length: 0 }
  if (line.length >= maxLength)
    throw serviceUnavailable(new Error(`${line.length} changes of ${workspaceId} wait`))
  lines.set(workspaceId, line)
  line.length += 1
  const ended = Promise.withResolvers<void>()
  const before = line.last
  line.last = before.then(() => ended.promise)
  const end = (): void => {
    ended.resolve()
    line.length -= 1
    if (line.length === 0) lines.delete(workspaceId)
  }
  const arrived = performance.now()
  const turn = withTimeout(
    before.then(() => true),
    idleTimeoutMs,
  )
  const isMine = await abortable(turn, silenceOf(database)).catch(() => false)
  const waited = performance.now() - arrived
  if (isMine && waited <= idleTimeoutMs) return end
  end()
  throw serviceUnavailable(new Error(`a change of ${workspaceId} waited ${waited} ms for its turn`))
}

/**
 * Runs transactions of one workspace one after the other. Without it each would wait for the row lock
 * on a connection of its own, and one workspace could take all connections: beside 100 changes of one
 * at once, a change of another takes a twentieth of their time, and without the mutex all of it.
 * Mutexes of several workspaces are taken in sorted order, which prevents deadlocks.
 *
 * @throws RequestError SERVICE_UNAVAILABLE when a queue or a wait is too long; after the first mutex
 *   the wait for all others is `nestedWaitMs` in all
 */
export async function withMutexes<T>(
  database: object,
  sortedIds: readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  const ends: (() => void)[] = []
  let until: number | undefined
  try {
    for (const id of sortedIds) {
      const patience = until === undefined ? longestWaitMs : until - performance.now()
      ends.push(await turnIn(database, id, patience))
      until ??= performance.now() + nestedWaitMs
    }
    return await work()
  } finally {
    for (const end of ends) end()
  }
}

/** The same for one workspace, or another id. */
export const withMutex = <T>(database: object, id: string, work: () => Promise<T>): Promise<T> =>
  withMutexes(database, [id], work)
