import { readFile } from 'node:fs/promises'
import { expect } from 'vitest'
import type { RunningServer } from './program.ts'

/** A setting of a server that runs this first, with `gc`. */
const runsFirst = (script: string) => {
  const withGc = `
    import { setFlagsFromString } from 'node:v8'
    import { runInNewContext } from 'node:vm'
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc')
    ${script}`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(withGc)}` }
}

/**
 * A setting of a server that collects its garbage all the time: how much of it lies about depends on what
 * else the machine does.
 */
export const collectsGarbage = runsFirst('setInterval(gc, 200).unref()')

/**
 * A setting of a server that collects its garbage every second, and tells as it ends how long it has
 * held its event loop at a stretch since the signal SIGUSR2: in processor time of its thread, for what
 * else the machine does must not count.
 */
export const tellsLongestTurn = runsFirst(`
  const now = () => process.threadCpuUsage().user + process.threadCpuUsage().system
  let since = now()
  let longest = 0
  setInterval(() => {
    longest = Math.max(longest, now() - since)
    since = now()
  }, 1).unref()
  setInterval(() => {
    gc()
    since = now()
  }, 1_000).unref()
  process.on('SIGUSR2', () => {
    longest = 0
  })
  process.on('exit', () => console.error('longest turn: ' + longest / 1_000 + ' ms'))`)

/** What a server with `tellsLongestTurn` told, in milliseconds. */
export const longestTurnIn = ({ output }: RunningServer): number =>
  Number(/^longest turn: (\S+) ms$/m.exec(output.stderr)?.[1])

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

/**
 * A setting of a server that tells at the signal SIGUSR2 what it holds once its garbage is collected. What
 * is resident is more: compilers take and leave memory whenever the machine lets them run.
 */
export const tellsHeld = runsFirst(`
  process.on('SIGUSR2', () => {
    gc()
    // What the first collection found of buffers is given back with the next.
    gc()
    const { heapUsed, external } = process.memoryUsage()
    console.error('held: ' + (heapUsed + external) / 2 ** 20 + ' MiB')
  })`)

/** What a server with `tellsHeld` holds now, in MiB. */
export async function heldBy({ child, output }: RunningServer): Promise<number> {
  const told = () => [...output.stderr.matchAll(/^held: (\S+) MiB$/gm)]
  const already = told().length
  child.kill('SIGUSR2')
  await expect.poll(() => told().length).toBeGreaterThan(already)
  return Number(told().at(-1)?.[1])
}
