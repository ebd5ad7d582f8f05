import type { Prisma } from '../generated/prisma/client.ts'

/** What remembers credentials, and has to learn of every change. */
export interface Invalidation {
  /** An epoch was raised, here or elsewhere. */
  raised(workspaceId: string, epoch: bigint): void
  /** Changes may have been missed: whatever was read before now is not to be trusted. */
  forget(): void
}

/** Asks the other replicas, with a transaction's commit, to tell when they have heard of it. */
export type Notify = (db: Pick<Prisma.TransactionClient, '$executeRaw'>) => Promise<void>

/** This server among all those on the same database. */
export interface Replica {
  /** Whether what is remembered may be trusted now, for every change is known that could matter. */
  readonly holdsLease: boolean
  /** The database's clock as far as it is known here: never behind it. */
  now(): Date
  /** Listens for changes from now on; resolves with the first lease, or when there is none to be had. */
  join(memory: Invalidation): Promise<void>
  /**
   * Runs a transaction. If it tells, this resolves once no other replica takes for true what it, or any
   * one before it, has changed: as soon as all have heard, one second after the commit at the latest.
   */
  waitForReplicas<T>(transaction: (tell: Notify) => Promise<T>): Promise<T>
  /** Trusts nothing any more, and tells writers not to wait. */
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
