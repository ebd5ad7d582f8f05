import { chmodSync, mkdirSync, statSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('generated/compiled', import.meta.url))
const writableByOthers = 0o022

/** Whether nobody else can write to the folder, whatever the mask of the process is. */
function isOurs(): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (statSync(folder).mode & writableByOthers) chmodSync(folder, 0o700)
    return true
  } catch {
    return false
  }
}

/**
 * From now on Node keeps what it compiles for the next start, which then takes half a second less.
 * It does without where the folder cannot be written to. The folder is the program's own: whoever
 * can write to it decides what runs, and Node's own choice is one for all users of the machine.
 */
export function keepCompiledCode(): void {
  if (isOurs()) enableCompileCache(folder)
}
