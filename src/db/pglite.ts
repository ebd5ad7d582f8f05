import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PGlite, PGliteOptions } from '@electric-sql/pglite'
import { assertAccessible } from './data-dir.ts'
import { migrate, type SqlSession } from './migrate.ts'
import { readMigrations } from './migrations.ts'
import { PreparedPGlite } from './prepared-pglite.ts'
import { sessionSetup } from './session-setup.ts'

export const sessionOf = (database: PGlite): SqlSession => ({
  query: async (sql, values = []) =>
    (await database.query<Record<string, unknown>>(sql, values)).rows,
  run: async (script) => void (await database.exec(script)),
})

async function open(options: PGliteOptions): Promise<PreparedPGlite> {
  const database = new PreparedPGlite(options)
  await database.waitReady
  await database.exec(sessionSetup)
  // Else to analyze a table of long rows would hold the thread for half a second.
  await database.exec('SET default_statistics_target = 10')
  await migrate(sessionOf(database), readMigrations())
  return database
}

/** A migrated PGlite in memory, as `template` has it when given, else empty. */
export const openInMemory = async (template?: Blob): Promise<PreparedPGlite> =>
  open(template ? { loadDataDir: template } : {})

/**
 * A migrated PGlite in the folder `<dataDir>/db`, made at the first start. Nobody else may have it
 * open: see `lockDataDir`. It is made from the template when there is one, which is quicker.
 */
export async function openInFolder(
  dataDir: string,
  readTemplate: () => Promise<Blob | undefined>,
): Promise<PreparedPGlite> {
  const folder = join(dataDir, 'db')
  const unfinished = join(dataDir, 'db.unfinished')
  // A start that died while it made the folder left something that no start could open.
  if (existsSync(unfinished)) await rm(folder, { recursive: true, force: true })
  if (existsSync(folder)) {
    return await open({ dataDir: folder }).catch(async (error: unknown) => {
      // PGlite says nothing of a file that it may not open.
      await assertAccessible(folder)
      throw error
    })
  }

  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(unfinished, '')
  const template = await readTemplate()
  const database = await open({ dataDir: folder, ...(template && { loadDataDir: template }) })
  await rm(unfinished)
  return database
}
