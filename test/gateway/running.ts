import { type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A program that listens. */
export interface Running {
  readonly port: number
  /** What it has written to its standard error so far. */
  logged(): string
  stop(): Promise<void>
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' })
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  return isOpen
}

/**
 * Runs a program until it listens on that port.
 *
 * @throws Error with what the program wrote, when it does not start
 */
export async function startListening(
  command: string,
  args: readonly string[],
  port: number,
  options: SpawnOptions = {},
): Promise<Running> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log += text
  })
  let hasEnded = false
  const ended = once(child, 'close')
    .catch((error: unknown) => {
      log += String(error)
    })
    .then(() => {
      hasEnded = true
    })
  const stop = async (): Promise<void> => {
    // At once, and with its workers: a master that is killed would leave them behind.
    child.kill('SIGTERM')
    await ended
  }
  while (!hasEnded && !(await accepts(port))) await sleep(20)
  if (hasEnded) throw new Error(`${command} did not start:\n${log}`)
  return { port, logged: () => log, stop }
}
