import { open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * The secret that the file holds.
 *
 * @throws Error when other users could read it
 */
export async function readSecret(file: string): Promise<string> {
  const { mode } = await stat(file)
  if ((mode & 0o077) !== 0) throw new Error(`others can read ${file}: chmod 600 ${file}`)
  return (await readFile(file, 'utf8')).trim()
}

/**
 * Replaces the secret. Whenever the process or the machine stops, the file holds the old secret or
 * the new one, whole; once this has returned, the new one.
 */
export async function storeSecret(file: string, secret: string): Promise<void> {
  const temporary = `${file}.new`
  await rm(temporary, { force: true })
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(`${secret}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, file)
  const folder = await open(dirname(file))
  await folder.sync()
  await folder.close()
}
