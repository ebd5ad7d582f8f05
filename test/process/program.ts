import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A child process of the test, with all that it has written so far. */
export interface Program {
  readonly child: ChildProcess
  readonly output: { stdout: string; stderr: string }
  /** Its exit code, once all that it wrote is there; null when a signal ended it. */
  readonly exited: Promise<number | null>
}

/** A server that listens. */
export interface RunningServer extends Program {
  /** As it told on its standard output, without the path. */
  readonly url: string
  readonly startedInMs: number
  /** The key that it printed. */
  readonly printedKeys: readonly string[]
  gql(secret: string, query: string): Promise<any>
}

/** A folder that goes with the test. */
export async function createFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-process-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/**
 * A port that nobody listens on, and that no system gives to who asks for any: it stays free until
 * somebody names it.
 */
export async function freePort(): Promise<number> {
  const isTaken = (error: NodeJS.ErrnoException): undefined => {
    if (error.code !== 'EADDRINUSE') throw error
  }
  for (;;) {
    const occupied = await occupyPort(randomInt(20_000, 32_768)).catch(isTaken)
    if (occupied === undefined) continue
    await occupied.close()
    return occupied.port
  }
}

/** A port that somebody else listens on: any, or this one. */
export async function occupyPort(
  wanted = 0,
): Promise<{ readonly port: number; close(): Promise<unknown> }> {
  const server = createServer().listen(wanted, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { port, close: () => once(server.close(), 'close') }
}

/** Runs a command in the project's root with these settings and none of the machine's. */
export function start(
  command: string,
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
): Program {
  const child = spawn(command, args, {
    cwd: root,
    env: { PATH: process.env.PATH, ...settings },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text
  })
  const exited = once(child, 'close').then(([code]): number | null => code)
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exited
  })
  return { child, output, exited }
}

/**
 * `node src/server.ts`, as `npm start` runs it. Where the settings name none, a free port is taken and
 * requests are not logged.
 */
export const launch = (settings: Readonly<Record<string, string>>): Program =>
  start(process.execPath, ['src/server.ts'], { PORT: '0', LOG_REQUESTS: 'off', ...settings })

/** `latchkey …`, with what it printed when it has ended, besides what it logs below errors. */
export async function latchkey(
  argv: readonly string[],
  settings: Readonly<Record<string, string>>,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { output, exited } = start(process.execPath, ['bin/latchkey.mjs', ...argv], {
    LOG_LEVEL: 'error',
    ...settings,
  })
  return { code: await exited, ...output }
}

export const keysIn = (text: string): string[] =>
  text.match(/\b[a-z][a-z0-9_]*_[0-9A-Za-z]{49}\b/g) ?? []

/** Sends an operation with a key and returns the answer's status and body. */
export async function ask(url: string, secret: string, query: string): Promise<any> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
    body: JSON.stringify({ query }),
  })
  return { status: response.status, ...(await response.json()) }
}

/** Resolves when the server has told that it listens; throws with what it wrote when it ends first. */
export async function listening(program: Program): Promise<RunningServer> {
  const since = performance.now()
  const { child, output, exited } = program
  const told = new Promise<string>((resolve) => {
    const look = (): void => {
      const [, url] = /^Latchkey listens on (\S+)\/graphql/m.exec(output.stdout) ?? []
      // The whole greeting is one write; its last line ends it.
      if (url !== undefined && output.stdout.endsWith('\n')) resolve(url)
    }
    child.stdout?.on('data', look)
    look()
  })
  const ended = exited.then((code) => {
    throw new Error(`the server ended with ${code}:\n${output.stdout}${output.stderr}`)
  })
  const url = await Promise.race([told, ended])
  return {
    ...program,
    url,
    startedInMs: performance.now() - since,
    printedKeys: keysIn(output.stdout.split('curl')[0] ?? ''),
    gql: (secret, query) => ask(url, secret, query),
  }
}

export const startServer = (settings: Readonly<Record<string, string>>): Promise<RunningServer> =>
  listening(launch(settings))

/** Asks it to end, as a service manager does, and returns its exit code. */
export function stop({ child, exited }: Program): Promise<number | null> {
  child.kill('SIGTERM')
  return exited
}
