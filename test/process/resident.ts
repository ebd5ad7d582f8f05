import { readFile } from 'node:fs/promises'
import type { RunningServer } from './program.ts'

/**
 * A setting of a server that collects its garbage every so many milliseconds: how much of it lies about
 * depends on what else the machine does.
 */
export function collectsGarbageEvery(ms: number) {
  const script = `
    import { setFlagsFromString } from 'node:v8'
    import { runInNewContext } from 'node:vm'
    setFlagsFromString('--expose-gc')
    setInterval(runInNewContext('gc'), ${ms}).unref()`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}` }
}

export const collectsGarbage = collectsGarbageEvery(200)

/** What the server has resident, in MiB. */
export async function residentOf({ child }: RunningServer): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
}

/** The most that the server has resident while something is done. */
export async function peakDuring<T>(
  server: RunningServer,
  work: () => Promise<T>,
): Promise<{ value: T; peak: number }> {
  let peak = 0
  const timer = setInterval(async () => {
    peak = Math.max(peak, await residentOf(server))
  }, 10)
  const value = await work()
  clearInterval(timer)
  return { value, peak }
}
