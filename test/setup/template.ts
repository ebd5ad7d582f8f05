import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { migratePostgres } from '../../src/db/postgres.ts'
import { buildTemplate } from '../../src/db/template.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The server's maintenance database and the migrated one to copy; null: tests use PGlite. */
    postgres: { readonly url: string; readonly template: string } | null
  }
}

async function query(url: string, sql: string, values: unknown[] = []): Promise<unknown[][]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query({ text: sql, values, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}

/** Makes, once a run, what every test's database is a copy of; drops what tests left behind. */
export default async function setup(
  project: TestProject,
): Promise<(() => Promise<void>) | undefined> {
  // The suites about the embedded database need it on PostgreSQL as well.
  await buildTemplate()
  const url = process.env.TEST_DATABASE_URL
  if (!url) {
    project.provide('postgres', null)
    return undefined
  }

  const template = `latchkey_test_${process.pid}`
  await query(url, `CREATE DATABASE ${template}`)
  const templateUrl = new URL(url)
  templateUrl.pathname = `/${template}`
  await migratePostgres(templateUrl.href)
  project.provide('postgres', { url, template })
  return async () => {
    const names = await query(
      url,
      'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
      [template],
    )
    for (const [name] of names) await query(url, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)
  }
}
