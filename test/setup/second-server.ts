import { expect, inject } from 'vitest'
import { createCredentialCache } from '../../src/auth/credential-cache.ts'
import type { Deps } from '../../src/deps.ts'
import {
  createPostgresReplica,
  type ListenerEvents,
} from '../../src/replication/postgres-replica.ts'
import type { Replica } from '../../src/replication/replica.ts'
import { unwatched } from './database.ts'

/** Another server on the same database, with a memory of its own. */
export interface SecondServer {
  readonly deps: Deps
  close(): Promise<void>
}

/** The URL of the database that the dependencies are over. */
export async function databaseUrlOf({ prisma }: Pick<Deps, 'prisma'>): Promise<string> {
  const [row] = await prisma.$queryRaw<{ name: string }[]>`SELECT current_database() AS name`
  const url = new URL(inject('postgres')?.url ?? '')
  url.pathname = `/${row?.name}`
  return url.href
}

/** One of the embedded database: there is none but by this, and it remembers nothing. */
const forgetful: Replica = {
  holdsLease: false,
  now: () => new Date(),
  join: async () => undefined,
  waitForReplicas: (transaction) => transaction(() => undefined),
  leave: async () => undefined,
}

/**
 * Another replica of the database that the dependencies are over, which has not joined yet. Nothing is
 * to cut it off: that something did is thrown when it leaves.
 */
export async function replicaBeside(deps: Pick<Deps, 'prisma' | 'embedded'>): Promise<Replica> {
  if (deps.embedded) return forgetful
  const { prisma } = deps
  const lost: Error[] = []
  const hearing: ListenerEvents = {
    ...unwatched.hearing,
    lost: (error) => void lost.push(error),
  }
  const databaseUrl = await databaseUrlOf(deps)
  const replica = createPostgresReplica({
    prisma,
    connection: { connectionString: databaseUrl },
    hearing,
  })
  const leave = async (): Promise<void> => {
    await replica.leave()
    expect(lost).toEqual([])
  }
  // What it tells of itself changes: a copy would not.
  return Object.assign(Object.create(replica), { leave })
}

/** What knows of the first server what the database says, and nothing else. */
export async function secondServer(deps: Deps): Promise<SecondServer> {
  const replica = await replicaBeside(deps)
  const credentials = createCredentialCache(replica, 64)
  await replica.join(credentials)
  return { deps: { ...deps, replica, credentials }, close: () => replica.leave() }
}
