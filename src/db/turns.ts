import { serviceUnavailable } from '../errors.ts'

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
 * Runs changes of one workspace one after the other. The database would make them wait for its lock
 * too, but each would hold a connection meanwhile, and so one workspace could take them all.
 *
 * @throws RequestError SERVICE_UNAVAILABLE when too many wait, or when the turn comes too late
 */
export async function inTurn<T>(
  database: object,
  workspaceId: string,
  work: () => Promise<T>,
): Promise<T> {
  const lines = linesOf.get(database) ?? new Map<string, Line>()
  linesOf.set(database, lines)
  const line = lines.get(workspaceId) ?? { last: Promise.resolve(), length: 0 }
  if (line.length >= maxLength)
    throw serviceUnavailable(new Error(`${line.length} changes of ${workspaceId} wait`))
  lines.set(workspaceId, line)
  line.length += 1
  const arrived = performance.now()
  const turn = line.last.then(() => {
    const waited = performance.now() - arrived
    if (waited <= longestWaitMs) return work()
    throw serviceUnavailable(
      new Error(`a change of ${workspaceId} waited ${waited} ms for its turn`),
    )
  })
  line.last = turn.catch(() => undefined)
  try {
    return await turn
  } finally {
    line.length -= 1
    if (line.length === 0) lines.delete(workspaceId)
  }
}

/**
 * The same for changes of several workspaces, whose turns are taken one after the other. No two can
 * wait for each other when all take them in the same order: sorted.
 */
export const inTurns = <T>(
  database: object,
  sortedIds: readonly string[],
  work: () => Promise<T>,
): Promise<T> => sortedIds.reduceRight((later, id) => () => inTurn(database, id, later), work)()
