import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server in a process of its own. */
export interface Server extends AsyncDisposable {
  readonly origin: string
  /** Processor time of its process so far, in milliseconds; NaN where the system has no /proc. */
  cpuMs(): number
  /** The end of what it has printed. */
  output(): string
}

export interface ServerOptions {
  readonly script: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** Linux counts it in hundredths of a second, behind the process's name (proc_pid_stat(5)). */
function cpuMsOf(pid: number | undefined): number {
  try {
    const [, counters = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
    const [user, system] = counters.split(' ').slice(11, 13)
    return (Number(user) + Number(system)) * 10
  } catch {
    return Number.NaN
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no free port')
  return address.port
}

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (result: boolean): void => {
      socket.destroy()
      resolve(result)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })

/**
 * Starts the script with PORT set to a free one and NODE_ENV=production, and waits until it listens.
 *
 * @throws with the process's output when it does not start
 */
export async function startServer({ script, cwd, env }: ServerOptions): Promise<Server> {
  const port = await freePort()
  const child = spawn(process.execPath, [script], {
    cwd,
    env: { PATH: process.env.PATH, NODE_ENV: 'production', PORT: String(port), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      output = (output + data).slice(-10_000)
    })
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await exited
  }
  const deadline = performance.now() + 60_000
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`${script} ended at its start\n${output}`)
    if (performance.now() > deadline) {
      await stop()
      throw new Error(`${script} did not start in time\n${output}`)
    }
    await sleep(100)
  }
  return {
    origin: `http://127.0.0.1:${port}`,
    cpuMs: () => cpuMsOf(child.pid),
    output: () => output,
    [Symbol.asyncDispose]: stop,
  }
}
