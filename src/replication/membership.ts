import type { ClientConfig } from 'pg'
import type { PrismaClient } from '../generated/prisma/client.ts'
import { every, withTimeout } from '../timeout.ts'
import type { Acknowledgements } from './acknowledgements.ts'
import { acknowledging } from './acknowledgements.ts'
import type { Lease } from './lease.ts'
import { type Listener, listen } from './listener.ts'
import {
  changeChannel,
  changeMessage,
  channelOf,
  epochChannel,
  notifying,
  readChange,
  readOwn,
  readRaised,
} from './messages.ts'
import type { Invalidation } from './replica.ts'

const heartbeatMs = 300
/** How long a heartbeat is waited for (milliseconds). */
const longestBeatMs = 5_000
/** Whoever waits for it afterwards dismisses it (milliseconds). */
const leaveWithinMs = 1_000

/** What a replica is, however often it joins. */
export interface ReplicaConfig {
  readonly connection: ClientConfig
  readonly prisma: Pick<PrismaClient, 'replica' | '$executeRaw'>
  readonly lease: Lease
  readonly memory: Invalidation
  readonly acknowledgements: Acknowledgements
  /** Aborted when it is to be a replica no more, however far it has come. */
  readonly left: AbortSignal
  /** Told when a membership ends by itself, with what is still to be done of it: nothing is trusted. */
  over(error: Error, ending: Promise<void>): void
}

/** One registration of this replica, from joining to losing its listener. */
export interface Membership {
  readonly id: string
  /** Asks once more who has heard of a change of its. */
  ask(number: number): void
}

interface Beat {
  readonly number: number
  readonly sentAt: number
  /** Whether writers waited for this replica as it was sent. */
  readonly isWaitedFor: boolean
  readonly isBack: PromiseWithResolvers<void>
}

/**
 * Joins under an id that no other replica ever had: listens first, is waited for by writers next, and
 * holds a lease when a heartbeat of after that has come back.
 *
 * The very first heartbeat is sent over another connection. A pooler of transactions hands on only what
 * comes with the answer to a statement, as a heartbeat of the connection's own does, and would keep
 * everybody else's changes to itself.
 *
 * @throws when there is no connection, or none over which notifications come
 */
export async function enter(id: string, standing: ReplicaConfig): Promise<Membership> {
  const { lease, memory, acknowledgements, prisma, left } = standing
  const own = channelOf(id)
  let listener: Listener | undefined
  let beat: Beat | undefined
  let isWaitedFor = false
  let hasEntered = false
  let isOver = false
  let stopBeating = (): void => undefined

  const stop = async (): Promise<void> => {
    isOver = true
    lease.end()
    stopBeating()
    left.removeEventListener('abort', leave)
    await Promise.allSettled([
      listener?.close(),
      isWaitedFor && withTimeout(prisma.replica.deleteMany({ where: { id } }), leaveWithinMs),
    ])
  }
  const over = (error: Error): void => {
    if (isOver) return
    const ending = stop()
    beat?.isBack.reject(error)
    if (hasEntered) standing.over(error, ending)
  }
  const leave = (): void => over(new Error('the server is ending'))
  left.addEventListener('abort', leave)
  const acknowledge = acknowledging(id, (messages) => listener?.send(messages))

  const heardOwn = (message: string): void => {
    const told = readOwn(message)
    if (told.kind === 'heard') acknowledgements.heard(told.by, told.numbers)
    else if (told.kind === 'leave') over(new Error('writers do not wait for this server any more'))
    else if (told.number === beat?.number) {
      if (beat.isWaitedFor) lease.extend({ ...beat, databaseTime: told.databaseTime })
      beat.isBack.resolve()
    }
  }
  const heard = (channel: string, message: string): void => {
    if (channel === own) heardOwn(message)
    else if (channel === epochChannel) {
      const { workspaceId, epoch } = readRaised(message)
      memory.raised(workspaceId, epoch)
    } else {
      const change = readChange(message)
      if (change.by !== id) acknowledge(change)
    }
  }

  const sendBeat = async (send: (number: number) => Promise<unknown>): Promise<void> => {
    const isBack = Promise.withResolvers<void>()
    isBack.promise.catch(() => undefined)
    beat = { number: (beat?.number ?? 0) + 1, sentAt: performance.now(), isWaitedFor, isBack }
    await send(beat.number)
    const came = isBack.promise.then(() => true)
    if ((await withTimeout(came, longestBeatMs)) !== true)
      throw new Error('no notification comes back from the database: is there a pooler in between?')
  }
  const byItself = async (number: number): Promise<void> => listener?.beat(own, id, number)

  try {
    left.throwIfAborted()
    listener = await listen(standing.connection, id, [epochChannel, changeChannel, own], {
      lost: over,
      heard: (channel, message) => {
        try {
          if (!isOver) heard(channel, message)
        } catch (error) {
          over(new Error('a notification was not understood', { cause: error }))
        }
      },
    })
    if (isOver) throw new Error('the connection was lost')
    memory.forget()
    await sendBeat((number) =>
      prisma.$executeRaw(notifying(own, JSON.stringify({ kind: 'beat', number, databaseTime: 0 }))),
    ).catch(async (error) => {
      await listener?.unlisten().catch(() => undefined)
      throw error
    })
    await prisma.replica.create({ data: { id } })
    isWaitedFor = true
    await sendBeat(byItself)
    if (isOver) throw new Error('the connection was lost')
    hasEntered = true
  } catch (error) {
    await stop()
    throw error
  }
  stopBeating = every(heartbeatMs, () => sendBeat(byItself).catch(over))
  return {
    id,
    // Over this connection: that pool may be what kept the writer for so long.
    ask: (number) => {
      // One that fails ends the membership.
      listener?.send([[changeChannel, changeMessage(id, number)]]).catch(() => undefined)
    },
  }
}
