import pg from 'pg'
import { withTimeout } from '../timeout.ts'

/** With the replica's id behind it, by which the database's own views name such a connection. */
export const listenerName = 'latchkey listener'

const connectTimeoutMs = 5_000
const queryTimeoutMs = 5_000
/** A connection that nothing comes through any more does not end by asking. */
const closeTimeoutMs = 1_000

/** What is told of a connection that listens. */
export interface Hearing {
  heard(channel: string, message: string): void
  /** At most once, however it ended; nothing is heard after it. */
  lost(error: Error): void
}

/** A connection of its own to the database, for as long as it holds. */
export interface Listener {
  /** Sends messages, each on a channel, in one transaction. */
  send(messages: readonly (readonly [channel: string, message: string])[]): Promise<void>
  /** Sends a heartbeat of the replica, with the database's clock; nothing where it is a replica no more. */
  beat(channel: string, replicaId: string, number: number): Promise<void>
  /** Listens no more: behind a pooler the session may be anybody's next. */
  unlisten(): Promise<void>
  close(): Promise<void>
}

// Nothing is stored by a notification that could be lost. For the statement alone, as `unlisten`.
const withoutFsync = `set_config('synchronous_commit', 'off', TRUE)`

const sending = `SELECT ${withoutFsync}, pg_notify(channel, message)
  FROM unnest($1::text[], $2::text[]) AS sent (channel, message)`

const beating = `SELECT ${withoutFsync}, pg_notify($1, json_build_object('kind', 'beat',
    'number', $3::int, 'databaseTime', ceil(extract(epoch FROM clock_timestamp()) * 1000))::text)
  WHERE EXISTS (SELECT 1 FROM "Replica" WHERE id = $2)`

async function end(client: pg.Client): Promise<void> {
  const isEnded = client.end().then(
    () => true,
    () => true,
  )
  const { connection } = client as pg.Client & { readonly connection?: pg.Connection }
  if (!(await withTimeout(isEnded, closeTimeoutMs))) connection?.stream.destroy()
}

/**
 * Listens on these channels: from when it resolves, whatever is committed is heard of, in the order
 * of the commits.
 *
 * @throws when there is no connection
 */
export async function listen(
  connection: pg.ClientConfig,
  name: string,
  channels: readonly string[],
  { heard, lost }: Hearing,
): Promise<Listener> {
  const client = new pg.Client({
    ...connection,
    application_name: `${listenerName} ${name}`,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
    keepAlive: true,
  })
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= end(client)
    return closing
  }
  const fail = (error: Error): void => {
    if (closing !== undefined) return
    void close()
    lost(error)
  }
  client.on('error', fail)
  client.on('end', () => fail(new Error('the connection was closed')))
  client.on('notification', ({ channel, payload }) => {
    if (closing === undefined) heard(channel, payload ?? '')
  })
  let asked: Promise<void> = Promise.resolve()
  /** One after the other. One that fails ends the connection, and so those behind it fail too. */
  const query = (text: string, values: readonly unknown[] = []): Promise<void> => {
    const answer = asked.then(async () => void (await client.query(text, [...values])))
    asked = answer.catch(fail)
    return answer
  }
  await client.connect()
  for (const channel of channels) await query(`LISTEN ${client.escapeIdentifier(channel)}`)
  return {
    send: (messages) =>
      query(sending, [
        messages.map(([channel]) => channel),
        messages.map(([, message]) => message),
      ]),
    beat: (channel, replicaId, number) => query(beating, [channel, replicaId, number]),
    unlisten: () => query('UNLISTEN *'),
    close,
  }
}
