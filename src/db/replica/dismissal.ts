import { setTimeout as sleep } from 'node:timers/promises'
import type { PrismaClient } from '../../generated/prisma/client.ts'
import { leaseMs } from './lease.ts'
import { channelOf, leaveMessage } from './messages.ts'
import { notify } from './notify.ts'
import { endSessions, withoutSession } from './sessions.ts'

/** So long after a commit no lease is held any more that began before it: none lasts as long. */
export const longestWaitMs = leaseMs + 100

/** Ends the waiting for replicas; never fails. */
export interface Dismissal {
  /**
   * Of those that are silent, so that one that has died, or hangs, delays nobody for long, and holds
   * up neither the database's notifications nor its cleaning.
   */
  ofSilent(ids: readonly string[]): Promise<void>
  /** Of those among them that have gone, for a writer that could not have heard of any. */
  ofGone(ids: readonly string[]): Promise<void>
}

/** @param notEnded told once where the session of one that is waited for no more could not be ended */
export function createDismissal(
  prisma: Pick<PrismaClient, 'replica' | '$executeRaw' | '$queryRaw'>,
  signal: AbortSignal,
  notEnded: (error: unknown) => void,
): Dismissal {
  const underWay = new Set<string>()
  let hasFailed = false
  const end = async (ids: readonly string[]): Promise<void> => {
    if (ids.length === 0) return
    for (const id of ids) await notify(prisma, channelOf(id), leaveMessage)
    // Whoever holds a lease after that has been told, and has joined anew.
    await sleep(longestWaitMs, undefined, { ref: false, signal })
    await prisma.replica.deleteMany({ where: { id: { in: [...ids] } } })
    await endSessions(prisma, ids).catch((error: unknown) => {
      if (!hasFailed) notEnded(error)
      hasFailed = true
    })
  }
  const once = async (
    all: readonly string[],
    work: (ids: readonly string[]) => Promise<void>,
  ): Promise<void> => {
    const ids = all.filter((id) => !underWay.has(id))
    if (ids.length === 0) return
    for (const id of ids) underWay.add(id)
    try {
      await work(ids)
    } catch {
      // The next writer that waits in vain tries again.
    } finally {
      for (const id of ids) underWay.delete(id)
    }
  }
  return {
    ofSilent: (ids) => once(ids, end),
    ofGone: (ids) => once(ids, async (some) => await end(await withoutSession(prisma, some))),
  }
}
