import { existsSync, openAsBlob } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { migrationsId, readMigrations } from './migrations.ts'
import { openInMemory } from './pglite.ts'

const folder = fileURLToPath(new URL('../generated/', import.meta.url))

/** A name that changes with every migration, so that an outdated template is never found. */
const fileName = (): string => `template-${migrationsId(readMigrations())}.tar`

/** The migrated and empty PGlite that `buildTemplate` left behind; undefined when there is none. */
export async function readTemplate(from = folder): Promise<Blob | undefined> {
  const path = join(from, fileName())
  return existsSync(path) ? await openAsBlob(path) : undefined
}

/**
 * Leaves a migrated and empty PGlite in a file, from which a first start and each test begin in a
 * third of a second instead of four. Does nothing when the file is there.
 */
export async function buildTemplate(): Promise<void> {
  const name = fileName()
  await mkdir(folder, { recursive: true })
  const old = (await readdir(folder)).filter((entry) => entry.startsWith('template-'))
  if (old.includes(name)) return
  const database = await openInMemory()
  const dump = await database.dumpDataDir('none')
  await database.close()
  // By way of another name, so that nobody ever reads half of it.
  const draft = `${folder}template-${process.pid}.draft`
  await writeFile(draft, dump.stream())
  await rename(draft, folder + name)
  for (const entry of old) await rm(folder + entry, { force: true })
}
