import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { withTimeout } from '../timeout.ts'
import { type Look, type StagedFile, withStagedFile } from './staged-file.ts'

/** An upload has ten minutes to arrive: what nobody has written to for longer is of a process that died. */
const abandonedAfterMs = 1_200_000
/** What is still under way when a process ends has its connection cut before. */
const closeWithinMs = 5_000

/** A folder for contents that arrive, each as a file that is gone once it has been used. */
export interface Staging {
  /** How many are under way in this process that have that owner among theirs. */
  underWay(owner: string): number
  /** @see withStagedFile */
  withFile<T>(
    owners: readonly string[],
    content: AsyncIterable<Uint8Array>,
    look: Look,
    use: (file: StagedFile) => Promise<T>,
  ): Promise<T>
  /** Waits for what is under way. */
  close(): Promise<void>
}

async function removeAbandoned(folder: string): Promise<void> {
  const before = Date.now() - abandonedAfterMs
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name)
    // Another process may have removed it meanwhile.
    const { mtimeMs = before } = (await stat(path).catch(() => undefined)) ?? {}
    if (mtimeMs < before) await rm(path, { force: true })
  }
}

/** Removes at once, and from time to time, what processes that died have left in the folder. */
export function openStaging(folder: string, logger: Logger): Staging {
  const files = new Map<Promise<unknown>, readonly string[]>()
  const sweep = (): Promise<void> =>
    removeAbandoned(folder).catch((err: unknown) => {
      logger.warn({ err }, 'abandoned uploads were not removed')
    })
  const sweeps = setInterval(sweep, abandonedAfterMs).unref()
  const firstSweep = sweep()

  return {
    underWay: (owner) => [...files.values()].filter((owners) => owners.includes(owner)).length,
    async withFile(owners, content, look, use) {
      const file = withStagedFile(folder, content, look, use)
      files.set(file, owners)
      try {
        return await file
      } finally {
        files.delete(file)
      }
    },
    async close() {
      clearInterval(sweeps)
      await firstSweep
      await withTimeout(Promise.allSettled(files.keys()), closeWithinMs)
    },
  }
}
