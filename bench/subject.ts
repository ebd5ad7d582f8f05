import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server in a process of its own, and what is measured on it: one request, or several in turn. */
export interface Subject {
  readonly name: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly bodies: readonly string[]
  /** What every single answer must be. */
  readonly expected: string
  /** Processor time that its process has taken so far, in milliseconds; NaN where nothing tells it. */
  cpuMs(): number
  stop(): Promise<void>
}

export interface SubjectOptions {
  readonly name: string
  readonly script: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  readonly bodies: readonly string[]
  /** Whether the first answer is one that the comparison may be made with. */
  isGood(answer: Answer): boolean
}

/** Whatever JSON object a subject answers. */
export type Answer = Readonly<Record<string, unknown>>

/** Asks a GraphQL server once; each body is one such question. */
export const graphqlBody = (query: string, variables?: object): string =>
  JSON.stringify({ query, variables })

/** Whether GraphQL answered without any error. */
export const isData = ({ data, errors }: Answer): boolean => errors === undefined && data != null

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

/** The first answer, once there is one. */
async function firstAnswer(
  child: ChildProcess,
  url: string,
  init: RequestInit,
  isGood: (answer: Answer) => boolean,
): Promise<string> {
  const deadline = performance.now() + 60_000
  while (child.exitCode === null && performance.now() < deadline) {
    const response = await fetch(url, init).catch(() => undefined)
    if (response !== undefined) {
      const text = await response.text()
      if (response.status !== 200 || !isGood(JSON.parse(text)))
        throw new Error(`answered ${response.status}: ${text}`)
      return text
    }
    await sleep(100)
  }
  throw new Error(child.exitCode === null ? 'did not start in time' : 'ended at its start')
}

/**
 * Starts the script with PORT set to a free one and NODE_ENV=production, and asks it once.
 *
 * @throws with the process's output when it does not start, or its first answer is not a good one.
 */
export async function startSubject(options: SubjectOptions): Promise<Subject> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}/graphql`
  const child = spawn(process.execPath, [options.script], {
    cwd: options.cwd,
    env: { PATH: process.env.PATH, NODE_ENV: 'production', PORT: String(port), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      output = (output + data).slice(-10_000)
    })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async () => {
    child.kill('SIGTERM')
    await exited
  }
  const headers = { 'content-type': 'application/json', ...options.headers }
  const { name, bodies, isGood } = options
  try {
    const [body = ''] = bodies
    const expected = await firstAnswer(child, url, { method: 'POST', headers, body }, isGood)
    return { name, url, headers, bodies, expected, cpuMs: () => cpuMsOf(child.pid), stop }
  } catch (error) {
    await stop()
    throw new Error(`${name}: ${error}\n${output}`)
  }
}
