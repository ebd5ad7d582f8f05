import { silenceOf } from '../db/silence.ts'
import { serviceUnavailable } from '../errors.ts'
import { abortable, withTimeout } from '../timeout.ts'

interface Line {
  last: Promise<unknown>
  length: number
}

/** By database client, then by workspace. */
const linesOf = new WeakMap<object, Map<string, Line>>()

/** Who comes when this many wait already is sent away: waiting would outlast the client. */
const maxLength = 500

/** Whose turn comes later is sent away too: they have given up, or asked again (milliseconds). */
const longestWaitMs = 10_000

/**
 * How long a change of several workspaces waits for another of them while it keeps those that it has
 * from everybody else (milliseconds).
 */
export const nestedWaitMs = 1_000

/** How many changes of a workspace, or of whatever else has an id, have a turn or wait for it. */
export const queueDepth = (database: object, id: string): number =>
  linesOf.get(database)?.get(id)?.length ?? 0

/**
 * Waits for the turn to change a workspace.
 *
 * @returns ends the turn
 * @throws RequestError SERVICE_UNAVAILABLE when too many wait, when the turn comes too late, or when
 *   the database hangs, for then nobody's would come
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
 * Runs changes of one workspace one after the other. The database would make them wait for its lock
 * too, but each would hold a connection meanwhile, and so one workspace could take them all. The
 * turns of a change of several are taken one after the other: no two wait for each other when all
 * take them in the same order, sorted.
 *
 * @throws RequestError SERVICE_UNAVAILABLE when too many wait, or when a turn comes too late; who has
 *   one already waits for the others `nestedWaitMs` in all
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

/** The same for changes of one workspace, or of whatever else has an id. */
export const withMutex = <T>(database: object, id: string, work: () => Promise<T>): Promise<T> =>
  withMutexes(database, [id], work)
