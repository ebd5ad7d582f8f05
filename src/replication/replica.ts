import type { Prisma } from '../generated/prisma/client.ts'

/** A cache of credentials, which must learn of every change. */
export interface Invalidation {
  /** An epoch was raised, here or elsewhere. */
  raised(workspaceId: string, epoch: bigint): void
  /** Drops all entries: changes may have been missed. */
  forget(): void
}

/**
 * The statement that asks the other replicas, with the commit of the transaction that runs it, to
 * acknowledge that; undefined: nobody is to be asked.
 */
export type Notification = () => Prisma.Sql | undefined

/** This server among all those on the same database. */
export interface Replica {
  /** Whether the cache may be used now. */
  readonly holdsLease: boolean
  /** The database's clock as far as it is known here: never behind it. */
  now(): Date
  /** Listens for changes from now on; resolves with the first lease, or when there is none to be had. */
  join(memory: Invalidation): Promise<void>
  /**
   * Runs a transaction. If it asks for the notification, this resolves once no other replica trusts a
   * state from before it: when all have acknowledged, one second after the commit at the latest.
   */
  waitForReplicas<T>(transaction: (notification: Notification) => Promise<T>): Promise<T>
  /** Gives up the lease, and deregisters so that writers do not wait. */
  leave(): Promise<void>
}

/** The only server of its database: it learns of every change by making it. */
export const soleReplica: Replica = {
  holdsLease: true,
  now: () => new Date(),
  join: async () => undefined,
  waitForReplicas: (transaction) => transaction(() => undefined),
  leave: async () => undefined,
}
