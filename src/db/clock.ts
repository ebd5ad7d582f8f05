import type { Logger } from 'pino'
import type { PrismaClient } from '../generated/prisma/client.ts'

/** By as much our own tokens are accepted before and after their time (milliseconds). */
const toleranceMs = 300_000

/** Warns where the clock of this machine is so far from the database's that tokens are refused. */
export async function warnOfClock(
  prisma: Pick<PrismaClient, '$queryRaw'>,
  logger: Logger,
): Promise<void> {
  const [row] = await prisma.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`
  const aheadMs = row ? Date.now() - row.now.getTime() : 0
  if (Math.abs(aheadMs) < toleranceMs) return
  const minutes = Math.round(Math.abs(aheadMs) / 60_000)
  logger.warn(
    { aheadSeconds: Math.round(aheadMs / 1_000) },
    `the clock of this machine is ${minutes} minutes ${aheadMs > 0 ? 'ahead of' : 'behind'} the database's: tokens are refused until both are right`,
  )
}
