import { expect } from 'vitest'
import type { Deps } from '../../src/deps.ts'
import { queueDepth, withMutex } from '../../src/transactions/workspace-mutex.ts'
import { eventually } from './eventually.ts'
import { untilPast } from './soon.ts'

type Prisma = Deps['prisma']

/** A line of changes in which nobody's turn comes. */
export interface HeldLine {
  /** Until so many wait in it. */
  waiting(count: number): Promise<void>
  /** Lets them have their turns. */
  open(): Promise<void>
}

/** Holds the line of a workspace, or of whatever else has an id. */
export function holdLine({ prisma }: { readonly prisma: Prisma }, id: string): HeldLine {
  const gate = Promise.withResolvers<void>()
  const before = queueDepth(prisma, id)
  const held = withMutex(prisma, id, () => gate.promise)
  return {
    waiting: (count) => eventually(() => expect(queueDepth(prisma, id)).toBe(before + 1 + count)),
    open: () => {
      gate.resolve()
      return held
    },
  }
}

/** Until at least so many connections to a database on PostgreSQL wait for a lock that another one holds. */
export const waitingForLocks = (prisma: Prisma, count: number): Promise<void> =>
  eventually(async () => {
    const [row] = await prisma.$queryRaw<{ count: number }[]>`
      SELECT count(*)::int AS count FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock'`
    expect(row?.count).toBeGreaterThanOrEqual(count)
  })

/**
 * What becomes of a request that is let in before `end`, and whose turn comes after it. Undefined: it was
 * answered sooner, for it came too late to be let in.
 */
export async function sentBefore<T>(
  deps: Parameters<typeof holdLine>[0],
  id: string,
  end: Date,
  send: () => Promise<T>,
): Promise<T | undefined> {
  const line = holdLine(deps, id)
  const answer = send()
  const isLetIn = await Promise.race([line.waiting(1).then(() => true), answer.then(() => false)])
  if (isLetIn) await untilPast(end)
  await line.open()
  const answered = await answer
  return isLetIn ? answered : undefined
}
