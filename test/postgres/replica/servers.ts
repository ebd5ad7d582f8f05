import pg from 'pg'
import { onTestFinished, vi } from 'vitest'
import { createCredentialCache } from '../../../src/auth/credential-cache.ts'
import { openDatabase } from '../../../src/db/client.ts'
import type { Deps } from '../../../src/deps.ts'
import {
  createPostgresReplica,
  type ListenerEvents,
} from '../../../src/replication/postgres-replica.ts'
import { askOver } from '../../modules/api-key/second-app.ts'
import { unwatched } from '../../setup/database.ts'
import { databaseUrlOf } from '../../setup/second-server.ts'
import { type OnTheWay, type TcpProxy, tcpProxy } from '../../setup/tcp-proxy.ts'
import type { World } from '../../setup/world.ts'

/** A server beside the world's, which hears of changes by a way that the test can cut. */
export interface ServerBeside extends Pick<World, 'gql'> {
  readonly deps: Deps
  readonly hears: TcpProxy
  /** Why it heard no more, each time. */
  readonly lost: readonly Error[]
  /** What it told of sessions of others that stay. */
  readonly notEnded: readonly unknown[]
}

/** What it sends to the database, and is answered, goes another way than what it hears. */
export async function serverBeside(world: World, onTheWay?: OnTheWay): Promise<ServerBeside> {
  const databaseUrl = await databaseUrlOf(world.deps)
  const onConnectionError = (error: Error): never => {
    throw error
  }
  // What hears is not the database's own replica, which never joins.
  const database = await openDatabase({ databaseUrl, ...unwatched, onConnectionError })
  const hears = await tcpProxy(databaseUrl, onTheWay)
  const lost: Error[] = []
  const { prisma } = database
  const notEnded: unknown[] = []
  const hearing: ListenerEvents = {
    lost: (error) => void lost.push(error),
    regained: () => undefined,
    notEnded: (error) => void notEnded.push(error),
  }
  const replica = createPostgresReplica({
    connection: { connectionString: hears.url },
    prisma,
    hearing,
  })
  const credentials = createCredentialCache(replica, 64)
  onTestFinished(async () => {
    hears.mend()
    await replica.leave()
    await hears.close()
    await database.close()
  })
  await replica.join(credentials)
  const deps = { ...world.deps, prisma, replica, credentials }
  return { ...askOver(deps), deps, hears, lost, notEnded }
}

/** A session of the test's own on the world's database. */
export async function session(world: World): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: await databaseUrlOf(world.deps) })
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

/**
 * From now on who waits for a server in vain does so for ever, and takes nobody for silent: no second
 * passes, though heartbeats go on. What it gives lets time pass again, as the test's end does.
 */
export function waitingForEver(): () => void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const end = (): void => void vi.useRealTimers()
  onTestFinished(end)
  return end
}
