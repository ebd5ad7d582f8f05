import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils'
import type { MigrationList } from '@prisma/schema-engine-wasm'
import * as engineModule from '@prisma/schema-engine-wasm/schema_engine_bg'
import type { Migration } from '../../src/db/migrations.ts'

const schemaFolder = fileURLToPath(new URL('../../prisma/', import.meta.url))
const migrationsFolder = join(schemaFolder, 'migrations')

// The package's own entry asks for WebAssembly modules, which Node has behind a flag.
const wasmFile = join(
  dirname(fileURLToPath(import.meta.resolve('@prisma/schema-engine-wasm'))),
  'schema_engine_bg.wasm',
)
const wasm = await WebAssembly.instantiate(readFileSync(wasmFile), {
  './schema_engine_bg.js': { ...engineModule },
})
engineModule.__wbg_set_wasm(wasm.instance.exports)
const start = wasm.instance.exports.__wbindgen_start
if (typeof start === 'function') start()

/** A file of the Prisma schema. */
export interface SchemaFile {
  readonly path: string
  readonly content: string
}

export const readSchema = (): SchemaFile[] =>
  readdirSync(schemaFolder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.prisma'))
    .toSorted()
    .map((name) => ({
      path: join(schemaFolder, name),
      content: readFileSync(join(schemaFolder, name), 'utf8'),
    }))

const noFilters = { externalTables: [], externalEnums: [] }

const asList = (migrations: readonly Migration[]): MigrationList => ({
  baseDir: migrationsFolder,
  lockfile: {
    path: 'migration_lock.toml',
    content: readFileSync(join(migrationsFolder, 'migration_lock.toml'), 'utf8'),
  },
  shadowDbInitScript: '',
  migrationDirectories: migrations.map(({ name, sql }) => ({
    path: name,
    migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } },
  })),
})

/** Prisma's own schema engine, the one behind `prisma migrate`, over a database. */
export async function schemaEngine(factory: SqlMigrationAwareDriverAdapterFactory): Promise<{
  /** What `prisma migrate deploy` does; the names of the migrations applied. */
  deploy(migrations: readonly Migration[]): Promise<string[]>
  /** The SQL that leads from the database to the schema; empty when there is nothing to do. */
  drift(schema: SchemaFile[]): Promise<string>
}> {
  const datamodels = readSchema().map(({ path, content }): [string, string] => [path, content])
  const engine = await engineModule.SchemaEngine.new(
    { datamodels },
    () => undefined,
    bindMigrationAwareSqlAdapterFactory(factory),
  )
  return {
    deploy: async (migrations) =>
      (await engine.applyMigrations({ migrationsList: asList(migrations), filters: noFilters }))
        .appliedMigrationNames,
    drift: async (schema) => {
      const { stdout } = await engine.diff({
        from: { tag: 'schemaDatasource', files: schema, configDir: schemaFolder },
        to: { tag: 'schemaDatamodel', files: schema },
        script: true,
        exitCode: null,
        filters: { ...noFilters, externalTables: ['public._prisma_migrations'] },
      })
      return (stdout ?? '').replace('-- This is an empty migration.', '').trim()
    },
  }
}
