import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** One step of the database's shape, as Prisma keeps it. */
export interface Migration {
  readonly name: string
  readonly sql: string
}

const ownFolder = new URL('../../prisma/migrations/', import.meta.url)

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** The migrations in a folder of Prisma's layout (`<name>/migration.sql`), in their order. */
export const readMigrations = (folder: URL = ownFolder): readonly Migration[] =>
  readdirSync(folder)
    .toSorted()
    .map((name) => ({ name, file: new URL(`${name}/migration.sql`, folder) }))
    .filter(({ file }) => existsSync(file))
    .map(({ name, file }) => ({ name, sql: readFileSync(file, 'utf8') }))

/** What `_prisma_migrations.checksum` holds. */
export const checksum = ({ sql }: Migration): string => sha256(sql)

/** Whether the checksum is of this migration, whatever line endings Git gave the file. */
export function hasChecksum({ sql }: Migration, sum: string): boolean {
  const lf = sql.replaceAll('\r\n', '\n')
  return [sql, lf, lf.replaceAll('\n', '\r\n')].some((text) => sha256(text) === sum)
}

/** A short name of exactly these migrations. */
export const migrationsId = (migrations: readonly Migration[]): string =>
  sha256(JSON.stringify(migrations.map(({ name, sql }) => [name, sql]))).slice(0, 16)
