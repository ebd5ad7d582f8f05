import type { Deps } from '../../deps.ts'
import { type AuditEvent, Prisma } from '../../generated/prisma/client.ts'
import { eventsWithin, lowest, type Period } from './audit.visibility.ts'

/** How much is read at a time: what else is asked has its turn in between. */
const rowsAtOnce = 500
const bytesAtOnce = 4 * 1024 ** 2

/**
 * The events of a workspace up to one of them, in their order, a few at a time: however many there are
 * and however long, little of them is in memory at once. What is there already never changes, so the
 * parts are as good as one read.
 */
export async function* readEvents(
  { prisma }: Pick<Deps, 'prisma'>,
  workspaceId: string,
  last: bigint,
  period: Period = {},
): AsyncGenerator<AuditEvent[]> {
  const its = eventsWithin(workspaceId, period)
  for (let from = lowest; from <= last; ) {
    const ahead = Prisma.sql`${its} AND e.sequence >= ${from} AND e.sequence <= ${last}`
    const events = await prisma.$queryRaw<AuditEvent[]>`
      SELECT e.* FROM "AuditEvent" e WHERE ${ahead} AND e.sequence <= (
        SELECT max(sequence) FROM (
          SELECT sequence, sum(bytes) OVER (ORDER BY sequence) - bytes AS before FROM (
            SELECT e.sequence, octet_length(e.changes) AS bytes FROM "AuditEvent" e
             WHERE ${ahead} ORDER BY e.sequence LIMIT ${rowsAtOnce}) AS next) AS sized
         WHERE before < ${bytesAtOnce})
       ORDER BY e.sequence`
    const end = events.at(-1)
    if (end === undefined) return
    yield events
    from = end.sequence + 1n
  }
}
