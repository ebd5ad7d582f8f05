import { setImmediate as nextTurn } from 'node:timers/promises'
import { withTimeout } from '../timeout.ts'

/** A server that is waited for and sends nothing for so long is asked whether it is there. */
const suspectAfterMs = 800
/** How long it may take to answer that. */
export const probeMs = 2_500
/** How long anything waits while the server is known to hang: it may be back. */
const waitInSilenceMs = 300
const lookEveryMs = 100

/** Something that waits for the database. */
interface Wait {
  readonly since: number
  end(reason: Error): void
}

/** A connection that is in use. */
export interface WatchedConnection {
  /** Whether all that was asked over it has been answered. */
  isAnswered(): boolean
  /** Fails all that was asked over it. */
  end(): void
}

/**
 * Ends what waits for a database server that hangs. A long wait alone is no hang: there are locks,
 * large statements and full pools. So a server that has sent nothing for a while, over any connection,
 * is asked over a new one, and only without an answer everything that waits fails: connections are
 * closed, so that nothing of it is done later. Then nothing waits for long until the server is heard.
 */
export class SilenceWatch {
  readonly #probe: () => Promise<unknown>
  readonly #onSilence: (error: Error) => void
  readonly #waits = new Set<Wait>()
  /** Connections in use, each with when it was first seen to be unanswered. */
  readonly #connections = new Map<WatchedConnection, number | undefined>()
  readonly #timer = setInterval(() => this.#look(), lookEveryMs).unref()
  #heardAt = performance.now()
  #silence = new AbortController()
  #isAsking = false

  /** @param probe asks the server for anything, over a connection of its own */
  constructor(probe: () => Promise<unknown>, onSilence: (error: Error) => void) {
    this.#probe = probe
    this.#onSilence = onSilence
  }

  /** Aborted while the server is known to hang; afterwards it is another one. */
  get silence(): AbortSignal {
    return this.#silence.signal
  }

  /** The server has sent something, over that connection. */
  heard(connection?: WatchedConnection): void {
    this.#heardAt = performance.now()
    if (connection !== undefined && this.#connections.has(connection))
      this.#connections.set(connection, undefined)
    if (this.silence.aborted) this.#silence = new AbortController()
  }

  watch(connection: WatchedConnection): void {
    this.#connections.set(connection, undefined)
  }

  unwatch(connection: WatchedConnection): void {
    this.#connections.delete(connection)
  }

  /** The value of the promise; one that comes after the wait was ended goes to `late`. */
  patient<T>(promise: Promise<T>, late: (value: T) => void): Promise<T> {
    const given = Promise.withResolvers<T>()
    const wait = { since: performance.now(), end: given.reject }
    this.#waits.add(wait)
    promise.then(
      (value) => (this.#waits.delete(wait) ? given.resolve(value) : late(value)),
      (error) => {
        this.#waits.delete(wait)
        given.reject(error)
      },
    )
    return given.promise
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const now = performance.now()
    for (const [connection, since] of this.#connections)
      this.#connections.set(connection, connection.isAnswered() ? undefined : (since ?? now))
    const begun = [...this.#waits].map(({ since }) => since)
    const unanswered = [...this.#connections.values()].filter((since) => since !== undefined)
    const silentFor = now - Math.max(Math.min(now, ...begun, ...unanswered), this.#heardAt)
    if (this.silence.aborted) this.#endWaits(now)
    if (this.#isAsking || !(this.silence.aborted || silentFor > suspectAfterMs)) return
    this.#isAsking = true
    void this.#ask().finally(() => {
      this.#isAsking = false
    })
  }

  async #ask(): Promise<void> {
    const askedAt = performance.now()
    const answer = this.#probe().then(
      () => true,
      () => false,
    )
    const isAnswered = await withTimeout(answer, probeMs)
    // Where this process was busy itself, what came meanwhile is still to be read.
    await nextTurn()
    if (isAnswered) this.heard()
    else if (this.#heardAt < askedAt) this.#begin()
  }

  #begin(): void {
    if (!this.silence.aborted) {
      const error = new Error('Connection terminated: the database does not answer')
      this.#silence.abort(error)
      this.#onSilence(error)
    }
    this.#endWaits(performance.now())
  }

  #endWaits(now: number): void {
    for (const wait of this.#waits)
      if (now - wait.since > waitInSilenceMs) {
        this.#waits.delete(wait)
        wait.end(this.silence.reason)
      }
    for (const [connection, since] of this.#connections)
      if (since !== undefined && now - since > waitInSilenceMs) connection.end()
  }
}

/** By database client. */
const watches = new WeakMap<object, SilenceWatch>()

export const registerWatch = (database: object, watch: SilenceWatch): void =>
  void watches.set(database, watch)

const never = new AbortController().signal

/** Aborted while the server behind the client is known to hang. One in this process never does. */
export const silenceOf = (database: object): AbortSignal => watches.get(database)?.silence ?? never
