import { Redis, ReplyError } from 'ioredis'
import type { Logger } from 'pino'
import { withTimeout } from '../timeout.ts'
import type { Awaitable } from '../when-known.ts'

/**
 * How long Redis has for an answer, and for a new connection, in milliseconds: long enough for a
 * machine that is busy with much else. The requests of that time wait, those after it do not.
 */
const answerMs = 1_000
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
   * What `shared` finds in Redis; what `inProcess` finds when Redis refuses to do that, or is away:
   * it left something without an answer for a second or takes no writes, and has not come back since.
   */
  ask<T>(shared: () => Promise<T>, inProcess: () => Awaitable<T>): Promise<T>
  /** Ends the connection at once, whatever state it is in. */
  close(): void
}

/**
 * Calls `late` after a second, unless it is stopped by what this returns. After a blocked event loop a
 * timer fires before an answer is read that has long been there: the loop has one more turn for that.
 */
function deadline(late: (error: Error) => void): () => void {
  let turn: NodeJS.Immediate | undefined
  const timer = setTimeout(() => {
    turn = setImmediate(late, new Error(`no answer within ${answerMs} ms`))
  }, answerMs)
  return () => {
    clearTimeout(timer)
    clearImmediate(turn)
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
    retryStrategy: () => retryMs,
    connectTimeout: connectMs,
    disconnectTimeout: disconnectMs,
  })
  let isUp = false
  let isLoggedAway = false
  let isClosed = false
  let connectionError: string | undefined
  let endAttempt = (): void => undefined
  const known = Promise.withResolvers<void>()

  const goneAway = (reason: string): void => {
    isUp = false
    known.resolve()
    if (isLoggedAway || isClosed) return
    isLoggedAway = true
    logger.warn({ reason }, 'Redis is away: limits are counted in each server for itself')
  }
  const renew = (error: unknown): void => {
    goneAway(reasonOf(error))
    client.disconnect(true)
  }
  /** Of many requests that wait for the same connection the first one renews it. */
  const lose = (error: unknown): void => {
    if (isUp) renew(error)
  }
  const probe = () => client.eval(probeScript, 1, 'latchkey:probe')
  /** After a failover the old primary takes no writes, and its name leads to the new one. */
  const refused = (error: unknown): void => {
    const reason = reasonOf(error)
    logger.warn({ reason }, 'Redis refused a command: the request is counted in this server')
    probe().catch(lose)
  }
  const comeBack = (): void => {
    endAttempt()
    isUp = true
    known.resolve()
    if (isLoggedAway) logger.info('Redis is back: limits are shared')
    isLoggedAway = false
  }

  client.on('error', (error) => {
    connectionError = reasonOf(error)
  })
  client.on('connect', () => {
    endAttempt = deadline(renew)
  })
  client.on('close', () => {
    endAttempt()
    goneAway(connectionError ?? 'the connection was closed')
    connectionError = undefined
  })
  client.on('ready', () => {
    probe().then(comeBack, renew)
  })
  await withTimeout(known.promise, startMs)
  if (!isUp) goneAway(`no answer within ${startMs} ms`)

  return {
    client,
    isUp: () => isUp,
    async ask(shared, inProcess) {
      if (isUp) {
        const answered = deadline(lose)
        try {
          return await shared()
        } catch (error) {
          if (error instanceof ReplyError) refused(error)
          else lose(error)
        } finally {
          answered()
        }
      }
      return await inProcess()
    },
    close() {
      isClosed = true
      client.disconnect()
    },
  }
}
