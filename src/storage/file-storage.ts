import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Storage } from './storage.ts'

/** The names in it are on the disk, whatever happens to the machine. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Contents as files of a folder, which several processes may share. What is staged is in it as well. */
export function createFileStorage(root: string, staging: Storage['staging']): Storage {
  const pathOf = (key: string): string => join(root, key)
  return {
    staging,
    async put(key, file) {
      const path = pathOf(key)
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      await rename(file, path)
      for (const folder of [dirname(path), root]) await syncFolder(folder)
    },
    async read(key) {
      const file = await open(pathOf(key))
      return file.createReadStream()
    },
    remove: (key) => rm(pathOf(key), { force: true }),
    close: () => staging.close(),
  }
}
