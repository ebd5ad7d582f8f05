import type { Prisma } from '../generated/prisma/client.ts'

/** A cache of credentials, which must learn of every change. */
export interface Invalidation {
  /** An epoch was raised, here or elsewhere. */
  raised(workspaceId: string, epoch: bigint): void
  /** Drops all entries: changes may have been missed. */
  forget(): void
}

/** Asks the other replicas to acknowledge a transaction, with its commit. */
export type Notify = (db: Pick<Prisma.TransactionClient, '$executeRaw'>) => Promise<void>

/** This server among all those on the same database. */
export interface Replica {
  /** Whether the cache may be used now. */
  readonly holdsLease: boolean
  /** The database's clock as far as it is known here: never behind it. */
  now(): Date
  /** Listens for changes from now on; resolves with the first lease, or when there is none to be had. */
  join(memory: Invalidation): Promise<void>
  /**
   * Runs a transaction. If it notifies, this resolves once no other replica trusts a state from before
   * it: when all have acknowledged, one second after the commit at the latest.
   */
  waitForReplicas<T>(transaction: (tell: Notify) => Promise<T>): Promise<T>
  /** Gives up the lease, and deregisters so that writers do not wait. */
  leave(): Promise<void>
}

/** The only server of its database: it learns of every change by making it. */
export const soleReplica: Replica = {
  holdsLease: true,
  now: () => new Date(),
  join: async () => undefined,
  waitForReplicas: (transaction) => transaction(async () => undefined),
  leave: async () => undefined,
}
