import { inject } from 'vitest'
import { createCredentialCache } from '../../src/auth/credential-cache.ts'
import { createPostgresReplica, type HearingEvents } from '../../src/db/replica/postgres-replica.ts'
import type { Replica } from '../../src/db/replica/replica.ts'
import type { Deps } from '../../src/deps.ts'

/** Another server on the same database, with a memory of its own. */
export interface SecondServer {
  readonly deps: Deps
  close(): Promise<void>
}

/** For a server that nothing cuts off. */
export const alwaysHears: HearingEvents = {
  lost: (error) => {
    throw error
  },
  regained: () => undefined,
  notEnded: () => undefined,
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
  untilHeard: (transaction) => transaction(async () => undefined),
  leave: async () => undefined,
}

/** Another replica of the database that the dependencies are over, which has not joined yet. */
export const replicaBeside = async (deps: Pick<Deps, 'prisma' | 'embedded'>): Promise<Replica> =>
  deps.embedded
    ? forgetful
    : createPostgresReplica({
        prisma: deps.prisma,
        databaseUrl: await databaseUrlOf(deps),
        hearing: alwaysHears,
      })

/** What knows of the first server what the database says, and nothing else. */
export async function secondServer(deps: Deps): Promise<SecondServer> {
  const replica = await replicaBeside(deps)
  const credentials = createCredentialCache(replica)
  await replica.join(credentials)
  return { deps: { ...deps, replica, credentials }, close: () => replica.leave() }
}
