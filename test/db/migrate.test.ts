import { PGlite } from '@electric-sql/pglite'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { MigrationError, migrate } from '../../src/db/migrate.ts'
import { type Migration, readMigrations } from '../../src/db/migrations.ts'
import { sessionOf } from '../../src/db/pglite.ts'
import { readTemplate } from '../../src/db/template.ts'
import { expectOldChain, isSince64Bit, writeOldChain } from '../modules/audit/old-chain.ts'
import { migrationRecords } from '../setup/migration-records.ts'
import { readSchema, schemaEngine } from '../setup/schema-engine.ts'

const migrations = readMigrations()
const names = migrations.map(({ name }) => name)
const later: Migration = { name: '20990101000000_later', sql: 'CREATE TABLE later (id int);' }

const template = await readTemplate()
const pglite = await PGlite.create(template ? { loadDataDir: template } : {})
const empty = () => pglite.exec('DROP SCHEMA public CASCADE; CREATE SCHEMA public')

beforeEach(empty)
afterAll(() => pglite.close())

const ours = (list: readonly Migration[]): Promise<readonly string[]> =>
  migrate(sessionOf(pglite), list)
const prismas = (): ReturnType<typeof schemaEngine> => schemaEngine(new PrismaPGlite(pglite))
const records = (): Promise<unknown> => migrationRecords(sessionOf(pglite))

test('the migrations lead to the schema', async () => {
  await ours(migrations)
  const { drift } = await prismas()
  const schema = readSchema()
  expect(await drift(schema)).toBe('')

  const changed = schema.map(({ path, content }) => ({
    path,
    content: content.replace('model Setting {', 'model Setting {\n  added Int?'),
  }))
  expect(await drift(changed)).toContain('ADD COLUMN     "added" INTEGER')
})

test('Prisma finds nothing to apply after us, and we find nothing after Prisma', async () => {
  expect(await ours(migrations)).toEqual(names)
  expect(await ours(migrations)).toEqual([])
  const mine = await records()
  expect(await (await prismas()).deploy(migrations)).toEqual([])
  expect(await records()).toEqual(mine)

  await empty()
  expect(await (await prismas()).deploy(migrations)).toEqual(names)
  expect(await records()).toEqual(mine)
  expect(await ours(migrations)).toEqual([])
})

test('either goes on where the other stopped', async () => {
  const next: Migration = { name: '20990101000001_next', sql: 'CREATE TABLE next (id int);' }
  await ours(migrations)
  const { deploy } = await prismas()
  expect(await deploy([...migrations, later])).toEqual([later.name])
  expect(await ours([...migrations, later, next])).toEqual([next.name])
})

test('refuses a database that is newer than this version', async () => {
  await ours([...migrations, later])
  await expect(ours(migrations)).rejects.toThrow(MigrationError)
  await expect(ours(migrations)).rejects.toThrow(
    `newer than this version: it has migration ${later.name}`,
  )
})

test('refuses a migration that was changed after it was applied, but not its line endings', async () => {
  await ours([...migrations, later])
  const crlf = migrations.map(({ name, sql }) => ({ name, sql: sql.replaceAll('\n', '\r\n') }))
  expect(await ours([...crlf, later])).toEqual([])
  const changed = { ...later, sql: `${later.sql} ` }
  await expect(ours([...migrations, changed])).rejects.toThrow(
    `migration ${later.name} is not the one that was applied`,
  )
})

test('a migration that fails leaves nothing behind and can be tried again', async () => {
  const broken = { ...later, sql: `${later.sql}\nCREATE TABLE later (id int);` }
  const attempt = ours([...migrations, broken])
  await expect(attempt).rejects.toThrow(MigrationError)
  await expect(attempt).rejects.toThrow(`migration ${later.name} failed and was undone`)
  expect(await ours([...migrations, later])).toEqual([later.name])
})

test('refuses after a migration that failed, until it is resolved', async () => {
  await ours([...migrations, later])
  await pglite.query('UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = $1', [
    later.name,
  ])
  await expect(ours([...migrations, later])).rejects.toThrow(
    `migration ${later.name} failed earlier`,
  )
  await pglite.exec(`DROP TABLE later;
    UPDATE _prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL`)
  expect(await ours([...migrations, later])).toEqual([later.name])
  expect(await ours([...migrations, later])).toEqual([])
})

test('an audit chain of 32-bit sequences is the same chain afterwards', async () => {
  await ours(migrations.filter((migration) => !isSince64Bit(migration)))
  await writeOldChain(sessionOf(pglite))
  await ours(migrations)
  await expectOldChain(sessionOf(pglite))
})
