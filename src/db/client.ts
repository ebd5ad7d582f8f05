import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { PrismaClient } from '../generated/prisma/client.ts'
import type { ConnectionPool } from '../metrics.ts'
import { createPostgresReplica, type ListenerEvents } from '../replication/postgres-replica.ts'
import { type Replica, soleReplica } from '../replication/replica.ts'
import { withTimeout } from '../timeout.ts'
import { connectionTo } from './connection.ts'
import { openInFolder, openInMemory } from './pglite.ts'
import { pgliteAdapter } from './pglite-adapter.ts'
import { migratePostgres, postgresAdapter } from './postgres.ts'
import { registerWatch, SilenceWatch } from './silence.ts'
import { readTemplate } from './template.ts'
import { probeServer } from './watched-pool.ts'

/** An open database, migrated to this version. */
export interface Database {
  readonly prisma: PrismaClient
  /** PGlite, in this process: one connection, one server. */
  readonly embedded: boolean
  readonly replica: Replica
  /** The connections to PostgreSQL; absent where it is embedded. */
  readonly pool?: ConnectionPool
  /** Ends it; resolves when all that was committed is stored. */
  close(): Promise<void>
}

/** A server that hangs is not waited for longer (milliseconds). */
const closeWithinMs = 1_000

/** A database on a server, and who is told of what happens to the connections. */
interface ServerOptions {
  readonly databaseUrl: string
  readonly onConnectionError: (error: Error) => void
  readonly hearing: ListenerEvents
}

/** Where the database is: on a server, in a folder of this machine, or in memory for tests. */
export type DatabaseOptions =
  | ServerOptions
  | { readonly dataDir: string }
  | { readonly template: Blob | undefined }

// Hashes and secrets leave the database only where a query asks for them by name.
const prismaOver = (adapter: SqlDriverAdapterFactory): PrismaClient =>
  new PrismaClient({
    adapter,
    omit: {
      apiKeySecret: { hash: true },
      userLegacyKey: { hash: true },
      webhookEndpoint: { secret: true },
    },
  })

/**
 * Opens the database and migrates it.
 *
 * @throws MigrationError when it cannot be migrated, ConfigError when there is none at the URL.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  if ('databaseUrl' in options) {
    const { schema } = await migratePostgres(options.databaseUrl)
    const { databaseUrl, onConnectionError, hearing } = options
    const connection = connectionTo(databaseUrl)
    const watch = new SilenceWatch(() => probeServer(connection), onConnectionError)
    const { adapter, pool } = postgresAdapter(connection, schema, onConnectionError, watch)
    const prisma = prismaOver(adapter)
    registerWatch(prisma, watch)
    const replica = createPostgresReplica({ connection, prisma, hearing })
    const close = async (): Promise<void> => {
      await replica.leave()
      // It waits for whatever is being asked.
      await withTimeout(prisma.$disconnect(), closeWithinMs)
    }
    return { prisma, embedded: false, replica, pool, close }
  }
  const pglite =
    'dataDir' in options
      ? await openInFolder(options.dataDir, readTemplate)
      : await openInMemory(options.template)
  const prisma = prismaOver(pgliteAdapter(pglite))
  const close = async (): Promise<void> => {
    await prisma.$disconnect()
    await pglite.close()
  }
  return { prisma, embedded: true, replica: soleReplica, close }
}
