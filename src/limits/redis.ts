import { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { withTimeout } from '../timeout.ts'
import type { Awaitable } from '../when-known.ts'

/**
 * How long Redis may say nothing to what it was asked, in milliseconds: long enough for a machine that
 * is busy with much else. The requests of that time wait, those after it do not.
 */
const silenceMs = 1_000
/** How long after a lost connection a new one is tried. */
const retryMs = 250
const connectMs = 3_000
/** How long a connection has to end in order. */
const disconnectMs = 50
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
   * What `shared` finds in Redis; what `inProcess` finds when Redis is away: it has been silent for a
   * second, or could not do what it was asked, and has done nothing since.
   */
  ask<T>(shared: () => Promise<T>, inProcess: () => Awaitable<T>): Promise<T>
  /** Ends the connection at once, whatever state it is in. */
  close(): void
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
    retryStrategy: () => retryMs,
    connectTimeout: connectMs,
    socketTimeout: silenceMs,
    disconnectTimeout: disconnectMs,
  })
  let isUp = false
  let isLoggedAway = false
  let isClosed = false
  let connectionError: string | undefined
  const known = Promise.withResolvers<void>()

  const goneAway = (reason: string): void => {
    isUp = false
    known.resolve()
    if (isLoggedAway || isClosed) return
    isLoggedAway = true
    logger.warn({ reason }, 'Redis is away: limits are counted in each server for itself')
  }
  /** After a failover the old primary takes no writes, and its name leads to the new one. */
  const renew = (error: unknown): void => {
    goneAway(reasonOf(error))
    if (client.status === 'ready') client.disconnect(true)
  }
  const comeBack = (): void => {
    isUp = true
    known.resolve()
    if (isLoggedAway) logger.info('Redis is back: limits are shared')
    isLoggedAway = false
  }

  client.on('error', (error) => {
    connectionError = reasonOf(error)
  })
  client.on('close', () => {
    goneAway(connectionError ?? 'the connection was closed')
    connectionError = undefined
  })
  client.on('ready', () => {
    client.eval(probeScript, 1, 'latchkey:probe').then(comeBack, renew)
  })
  await withTimeout(known.promise, startMs)
  if (!isUp) goneAway(`no answer within ${startMs} ms`)

  return {
    client,
    isUp: () => isUp,
    async ask(shared, inProcess) {
      if (isUp)
        try {
          return await shared()
        } catch (error) {
          if (isUp) renew(error)
        }
      return await inProcess()
    },
    close() {
      isClosed = true
      client.disconnect()
    },
  }
}
