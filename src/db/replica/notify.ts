import type { Prisma } from '../../generated/prisma/client.ts'

/** Sends a message on a channel, in a transaction with its commit. */
export async function notify(
  db: Pick<Prisma.TransactionClient, '$executeRaw'>,
  channel: string,
  message: string,
): Promise<void> {
  await db.$executeRaw`SELECT pg_notify(${channel}, ${message})`
}
