import type { Deps } from '../../src/deps.ts'
import type { Prisma } from '../../src/generated/prisma/client.ts'

/** Writes thousands of rows without looking up, for each, what it refers to: that takes most of their time. */
export const withoutChecks = (
  { prisma }: Pick<Deps, 'prisma'>,
  write: (db: Prisma.TransactionClient) => Promise<void>,
): Promise<void> =>
  prisma.$transaction(
    async (db) => {
      await db.$executeRaw`SET LOCAL session_replication_role = replica`
      await write(db)
    },
    // This only ends what hangs.
    { timeout: 120_000 },
  )
