import { setTimeout as sleep } from 'node:timers/promises'
import type { PrismaClient } from '../../generated/prisma/client.ts'
import { leaseMs } from './lease.ts'
import { listenerName } from './listener.ts'
import type { Membership } from './membership.ts'

/** So long after a commit no lease is held any more that began before it: none lasts as long. */
export const longestWaitMs = leaseMs + 100

/**
 * Ends the waiting for replicas that are silent, so that one that has died, or hangs, delays nobody
 * for long, and holds up neither the database's notifications nor its cleaning.
 */
export function createDismissal(
  prisma: Pick<PrismaClient, 'replica' | '$executeRaw'>,
  signal: AbortSignal,
): (membership: Membership, silent: readonly string[]) => Promise<void> {
  const underWay = new Set<string>()
  return async (membership, silent) => {
    const ids = silent.filter((id) => !underWay.has(id))
    if (ids.length === 0) return
    for (const id of ids) underWay.add(id)
    try {
      await membership.dismiss(ids)
      // Whoever holds a lease after that has been told, and has joined anew.
      await sleep(longestWaitMs, undefined, { ref: false, signal })
      await prisma.replica.deleteMany({ where: { id: { in: ids } } })
      const names = ids.map((id) => `${listenerName} ${id}`)
      await prisma.$executeRaw`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = ANY(${names})`
    } catch {
      // The next writer that waits in vain tries again.
    } finally {
      for (const id of ids) underWay.delete(id)
    }
  }
}
