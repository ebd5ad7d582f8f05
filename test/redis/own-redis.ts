import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { freePort } from '../process/program.ts'

/** A Redis that only the test uses, which the test may stop. */
export interface OwnRedis {
  readonly url: string
  start(): Promise<void>
  /** It keeps its connections and answers nothing until `resume`. */
  hang(): void
  resume(): void
  kill(): Promise<void>
}

/** On a free port, and not started yet. It goes with the test. */
export async function ownRedis(options: readonly string[] = []): Promise<OwnRedis> {
  const port = await freePort()
  let child: ChildProcess | undefined
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  onTestFinished(kill)
  return {
    url: `redis://127.0.0.1:${port}`,
    start: async () => {
      const inMemory = ['--save', '', '--appendonly', 'no', '--bind', '127.0.0.1']
      child = spawn('redis-server', ['--port', String(port), ...inMemory, ...options], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const { stdout } = child
      const isReady = async (): Promise<void> => {
        for await (const text of stdout ?? []) if (/ready to accept/i.test(String(text))) return
        throw new Error('redis-server ended')
      }
      await isReady()
    },
    hang: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    kill,
  }
}
