import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientConfig } from 'pg'
import { ulid } from 'ulid'
import type { PrismaClient } from '../generated/prisma/client.ts'
import { withTimeout } from '../timeout.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { createEviction, longestWaitMs } from './eviction.ts'
import { Lease } from './lease.ts'
import { enter, type Membership } from './membership.ts'
import { changeChannel, changeMessage, notifying } from './messages.ts'
import type { Invalidation, Notification, Replica } from './replica.ts'

/** How long to wait before joining again, at first and at most (milliseconds). */
const rejoinMs = { first: 100, most: 10_000 }

/** Told whether changes are heard of: until they are every request reads. */
export interface ListenerEvents {
  lost(error: Error): void
  regained(): void
  /** Told once, if the session of a server that is waited for no more could not be ended. */
  notEnded(error: unknown): void
}

export interface ReplicaOptions {
  /** How to connect to the database, for the connection that listens. */
  readonly connection: ClientConfig
  readonly prisma: PrismaClient
  readonly hearing: ListenerEvents
}

/** A change whose writer waits until others have heard of it. */
interface Change {
  readonly number: number
  /** Who asked for acknowledgements; undefined: they go nowhere. */
  readonly teller: Membership | undefined
  /** Some that had joined before it was committed, and so were asked with the commit. */
  readonly joinedBefore: readonly string[]
}

/**
 * One of any number of servers on a PostgreSQL database. It trusts its memory by a lease, which it
 * extends by notifications to itself, and writers wait for it. That it is waited for is a row; safety
 * never rests on it, nor on an acknowledgement: who holds a lease one second after a commit has sent
 * the heartbeat after the commit, and notifications come in the order of the commits.
 */
export function createPostgresReplica({ connection, prisma, hearing }: ReplicaOptions): Replica {
  const lease = new Lease()
  const acknowledgements = new Acknowledgements()
  const left = new AbortController()
  const dismissal = createEviction(prisma, left.signal, hearing.notEnded)
  const underWay = new Set<Promise<void>>()
  let membership: Membership | undefined
  /** Those that had joined when a change last looked. */
  let known: readonly string[] = []

  /** Goes on beside what asked for it; must not fail. */
  const beside = (work: Promise<void>): void => {
    underWay.add(work)
    void work.finally(() => underWay.delete(work))
  }

  const joinOnce = async (memory: Invalidation): Promise<void> => {
    const over = (error: Error, ending: Promise<void>): void => {
      membership = undefined
      beside(ending)
      if (left.signal.aborted) return
      hearing.lost(error)
      beside(joinAgain(memory))
    }
    const standing = {
      connection,
      prisma,
      lease,
      memory,
      acknowledgements,
      left: left.signal,
      over,
    }
    membership = await enter(ulid().toLowerCase(), standing)
  }
  const joinAgain = async (memory: Invalidation): Promise<void> => {
    for (let wait = rejoinMs.first; ; wait = Math.min(2 * wait, rejoinMs.most)) {
      await sleep(wait, undefined, { ref: false, signal: left.signal }).catch(() => undefined)
      if (left.signal.aborted) return
      const hasJoined = await joinOnce(memory).then(
        () => true,
        () => false,
      )
      if (hasJoined) return hearing.regained()
    }
  }

  /** Resolves once every other replica has heard of it, a second after its commit at the latest. */
  const untilOthersHave = async ({ number, teller, joinedBefore }: Change): Promise<void> => {
    const until = performance.now() + longestWaitMs
    const remaining = (): number => Math.max(0, until - performance.now())
    const all = prisma.replica.findMany({ select: { id: true } }).catch(() => undefined)
    const rows = await withTimeout(all, remaining())
    if (rows === undefined) {
      await sleep(remaining())
      return
    }
    const ids = rows.map(({ id }) => id).filter((id) => id !== teller?.id && id !== membership?.id)
    known = ids
    if (ids.length === 0) return
    const mayHaveMissed = ids.some((id) => !joinedBefore.includes(id))
    // Who joined after the commit remembers nothing of before it, but was not asked.
    if (mayHaveMissed) teller?.ask(number)
    await withTimeout(acknowledgements.byAll(number, ids), remaining())
    const missing = acknowledgements.missing(number, ids)
    // Who hears nothing itself cannot tell who is silent; who has just joined may have been asked late.
    const hears = teller !== undefined && teller === membership && lease.isHeld
    const silent = missing.filter((id) => joinedBefore.includes(id))
    beside(hears ? dismissal.ofSilent(silent) : dismissal.ofGone(missing))
  }

  return {
    get holdsLease() {
      return lease.isHeld
    },
    now: () => lease.now(),
    async join(memory) {
      await joinOnce(memory).catch((error: Error) => {
        if (left.signal.aborted) return
        hearing.lost(error)
        beside(joinAgain(memory))
      })
    },
    async waitForReplicas(transaction) {
      const number = acknowledgements.expect()
      let change: Change | undefined
      const notification: Notification = () => {
        change = { number, teller: membership, joinedBefore: known }
        return membership && notifying(changeChannel, changeMessage(membership.id, number))
      }
      try {
        const value = await transaction(notification)
        if (change !== undefined) await untilOthersHave(change)
        return value
      } finally {
        acknowledgements.forget(number)
      }
    },
    async leave() {
      left.abort()
      await Promise.all(underWay)
    },
  }
}
