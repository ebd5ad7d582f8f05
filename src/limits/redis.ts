import { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { withTimeout } from '../timeout.ts'
import type { Awaitable } from '../when-known.ts'

/** How long Redis has for an answer before the request goes on without it, in milliseconds. */
const answerMs = 50
/** How long it is left alone after it did not answer. */
const restMs = 1_000
/** A connection on which nothing is answered for so long is given up for a new one. */
const silenceMs = 3_000
const longestRetryMs = 2_000
/** How long a start waits for it. */
const startMs = 1_000

/** Asks for all that limits ask for: that scripts run, and may write. */
const probeScript = `return redis.call('SET', KEYS[1], '', 'PX', 1000)`

/** What servers share in Redis, or Valkey, for as long as it answers. */
export interface SharedRedis {
  readonly client: Redis
  /** Whether it answered when it was last asked. */
  isUp(): boolean
  /**
   * What `shared` finds in Redis; what `inProcess` finds when Redis does not answer in 50 ms, cannot
   * do it, or was away a moment ago.
   */
  ask<T>(shared: () => Promise<T>, inProcess: () => Awaitable<T>): Promise<T>
  /** Ends the connection at once, whatever state it is in. */
  close(): void
}

/**
 * Calls `late` after so long, if it is not stopped. After a blocked event loop a timer fires before
 * an answer is read that has long been there, so the loop has one more turn to read it.
 */
function deadline(milliseconds: number, late: () => void): { stop(): void } {
  let turn: NodeJS.Immediate | undefined
  const timer = setTimeout(() => {
    turn = setImmediate(late)
  }, milliseconds)
  return {
    stop: () => {
      clearTimeout(timer)
      clearImmediate(turn)
    },
  }
}

/** What the promise comes to, if it does so in time. */
async function answerOf<T>(promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const patience = deadline(answerMs, () =>
    late.reject(new Error(`no answer within ${answerMs} ms`)),
  )
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    patience.stop()
  }
}

/** Nothing else of it: an error of a command holds its arguments, the password among them. */
const reasonOf = (error: unknown): string =>
  error instanceof Error
    ? error.message || ('code' in error && String(error.code)) || error.name
    : String(error)

/**
 * Connects to Redis, for ever anew whenever the connection is lost. It waits for the first one no
 * longer than a second, and never fails: a server starts and runs without Redis as well.
 */
export async function openRedis(url: string, logger: Logger): Promise<SharedRedis> {
  const client = new Redis(url, {
    // What is not sent at once, or not answered by this connection, would be charged too late.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(50 * 2 ** times, longestRetryMs),
    connectTimeout: silenceMs,
    disconnectTimeout: answerMs,
  })
  let isUp = false
  let isToldAway = false
  let isClosed = false
  let isProbed = false
  let resting: NodeJS.Timeout | undefined
  let handshake: { stop(): void } | undefined
  let connectionError: string | undefined
  const known = Promise.withResolvers<void>()

  const renew = (): void => client.disconnect(true)

  const goneAway = (reason: string): void => {
    isUp = false
    known.resolve()
    if (isClosed) return
    if (!isToldAway)
      logger.warn({ reason }, 'Redis is away: limits are counted in each server for itself')
    isToldAway = true
    resting ??= setTimeout(() => {
      resting = undefined
      // After a failover the old primary takes no writes, and its name leads to the new one.
      if (reason.includes('READONLY')) renew()
      else void probe()
    }, restMs).unref()
  }

  /** One at a time: what hangs until the connection is given up is not asked again on it. */
  const probe = async (): Promise<void> => {
    if (isProbed || client.status !== 'ready') return
    isProbed = true
    const sent = client.eval(probeScript, 1, 'latchkey:probe')
    const silence = deadline(silenceMs, renew)
    const refusal = await answerOf(sent).then(() => undefined, reasonOf)
    await Promise.allSettled([sent])
    silence.stop()
    isProbed = false
    if (refusal !== undefined) return goneAway(refusal)
    isUp = true
    if (isToldAway) logger.info('Redis is back: limits are shared')
    isToldAway = false
    known.resolve()
  }

  client.on('error', (error) => {
    connectionError = reasonOf(error)
  })
  client.on('connect', () => {
    handshake = deadline(silenceMs, renew)
  })
  client.on('close', () => {
    handshake?.stop()
    goneAway(connectionError ?? 'the connection was closed')
    connectionError = undefined
  })
  client.on('ready', () => {
    handshake?.stop()
    void probe()
  })
  await withTimeout(known.promise, startMs)
  if (!isUp) goneAway(`no answer within ${startMs} ms`)

  return {
    client,
    isUp: () => isUp,
    async ask(shared, inProcess) {
      if (isUp)
        try {
          return await answerOf(shared())
        } catch (error) {
          goneAway(reasonOf(error))
        }
      return await inProcess()
    },
    close() {
      isClosed = true
      clearTimeout(resting)
      handshake?.stop()
      client.disconnect()
    },
  }
}
