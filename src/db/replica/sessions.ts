import type { PrismaClient } from '../../generated/prisma/client.ts'
import { listenerName } from './listener.ts'

const nameOf = (id: string): string => `${listenerName} ${id}`

/** Those of the replicas that have no connection to hear by, by what the database tells of its own. */
export async function withoutSession(
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
export async function endSessions(
  prisma: Pick<PrismaClient, '$executeRaw'>,
  ids: readonly string[],
): Promise<void> {
  await prisma.$executeRaw`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = ANY(${ids.map(nameOf)})`
}
