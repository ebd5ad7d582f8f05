import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

/** A PostgreSQL database that only its maker uses. */
export interface PostgresDatabase {
  readonly url: string
  drop(): Promise<void>
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(sql)
  await client.end()
}

/** A new database on the server of the run: migrated, or empty. */
export async function createPostgres(content: 'migrated' | 'empty'): Promise<PostgresDatabase> {
  const server = inject('postgres')
  if (!server) throw new Error('TEST_DATABASE_URL is not set')
  const name = `${server.template}_${randomUUID().replaceAll('-', '')}`
  const source = content === 'migrated' ? server.template : 'template1'
  await run(server.url, `CREATE DATABASE ${name} TEMPLATE ${source}`)
  // Neither UTC nor whole hours from it, so that whatever depends on the server's zone shows.
  await run(server.url, `ALTER DATABASE ${name} SET timezone = 'Asia/Kathmandu'`)
  const url = new URL(server.url)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => run(server.url, `DROP DATABASE ${name} WITH (FORCE)`) }
}
