import pg from 'pg'
import { probeMs, type SilenceWatch, type WatchedConnection } from './silence.ts'

/** With what its types leave out. */
export type Session = pg.ClientBase & {
  readonly connection?: pg.Connection
  /** The id that the server gave of its process as the session began. */
  readonly processID?: number | null
  /** Whether all that was asked has been answered. */
  readonly readyForQuery?: boolean
}

/** Closes a connection at once, whatever it waits for. */
export const cut = (session: Session): void => void (session as pg.ClientBase as pg.Client).end()

/** Asks a server for anything: also that it takes no connections is an answer. */
export async function probeServer(connection: pg.ClientConfig): Promise<void> {
  const client = new pg.Client({
    ...connection,
    application_name: 'latchkey probe',
    connectionTimeoutMillis: probeMs,
    query_timeout: probeMs,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('SELECT 1')
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error
  } finally {
    cut(client)
  }
}

type Callback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (release?: Error | boolean) => void,
) => void

/** A pool in which nobody waits for a server that hangs, neither for a connection nor over one. */
export class WatchedPool extends pg.Pool {
  readonly #watch: SilenceWatch
  readonly #connections = new WeakMap<pg.ClientBase, WatchedConnection>()

  constructor(config: pg.PoolConfig, watch: SilenceWatch) {
    super(config)
    this.#watch = watch
    this.on('connect', (client: Session) => {
      const connection = { isAnswered: () => client.readyForQuery === true, end: () => cut(client) }
      this.#connections.set(client, connection)
      client.connection?.stream.on('data', () => watch.heard(connection))
    })
    this.on('acquire', (client) => {
      const connection = this.#connections.get(client)
      if (connection) watch.watch(connection)
    })
    this.on('release', (_, client) => {
      const connection = this.#connections.get(client)
      if (connection) watch.unwatch(connection)
    })
  }

  override connect(): Promise<pg.PoolClient>
  override connect(callback: Callback): void
  override connect(callback?: Callback): Promise<pg.PoolClient> | undefined {
    const given = this.#watch.patient(super.connect(), (late) => late.release())
    if (callback === undefined) return given
    given.then(
      (client) => callback(undefined, client, client.release),
      (error) => callback(error, undefined, () => undefined),
    )
    return undefined
  }

  override end(): Promise<void> {
    this.#watch.stop()
    return super.end()
  }
}
