import { setTimeout as sleep } from 'node:timers/promises'
import type { PrismaClient } from '../generated/prisma/client.ts'
import { leaseMs } from './lease.ts'
import { listenerName } from './listener.ts'
import { channelOf, leaveMessage, notifying } from './messages.ts'

/** So long after a commit no lease is held any more that began before it: none lasts as long. */
export const longestWaitMs = leaseMs + 100

/** Ends the waiting for replicas; never fails. */
export interface Eviction {
  /**
   * Of those that are silent, so that one that has died, or hangs, delays nobody for long, and holds
   * up neither the database's notifications nor its cleaning.
   */
  ofSilent(ids: readonly string[]): Promise<void>
  /** Of those among them that have gone, for a writer that could not have heard of any. */
  ofGone(ids: readonly string[]): Promise<void>
}

/** @param notEnded told once where the session of one that is waited for no more could not be ended */
export function createEviction(
  prisma: Pick<PrismaClient, 'replica' | '$executeRaw' | '$queryRaw'>,
  signal: AbortSignal,
  notEnded: (error: unknown) => void,
): Eviction {
  const underWay = new Set<string>()
  let hasFailed = false
  const end = async (ids: readonly string[]): Promise<void> => {
    if (ids.length === 0) return
    for (const id of ids) await prisma.$executeRaw(notifying(channelOf(id), leaveMessage))
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

const nameOf = (id: string): string => `${listenerName} ${id}`

/** Those of the replicas that have no connection to hear by, by what the database tells of its own. */
async function withoutSession(
  prisma: Pick<PrismaClient, '$queryRaw'>,
  ids: readonly string[],
): Promise<string[]> {
  // A pooler may append the client's address to the name.
  const rows = await prisma.$queryRaw<{ id: string }[]>`
    SELECT id FROM unnest(${ids}::text[], ${ids.map(nameOf)}::text[]) AS replica (id, name)
     WHERE NOT EXISTS (SELECT 1 FROM pg_stat_activity
       WHERE datname = current_database() AND starts_with(application_name, name))`
  return rows.map(({ id }) => id)
}

/** @throws when the database does not let this role end one of them, for another role has opened it */
async function endSessions(
  prisma: Pick<PrismaClient, '$executeRaw'>,
  ids: readonly string[],
): Promise<void> {
  await prisma.$executeRaw`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = ANY(${ids.map(nameOf)})`
}
