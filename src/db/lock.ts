import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { ConfigError } from '../errors.ts'
import {
  CommandError,
  type CommandHandler,
  serveCommands,
  socketPath,
  type Write,
} from './admin-socket.ts'
import { accessProblem, assertOwnDataDir, assertRootOwns, makeFolder } from './data-dir.ts'

/** The sole right to a DATA_DIR, held until it is released or the process ends, however it ends. */
export interface DataDirLock {
  /** Who answers the command line from now on. */
  onCommand(handler: CommandHandler): void
  release(): Promise<void>
}

/** Another process has the folder; the message is one line for the operator. */
export class DataDirInUseError extends Error {
  override readonly name = 'DataDirInUseError'
}

const sqliteBusy = 5

/** Locks in use: a connection that is collected as garbage would let its lock go. */
const held = new Set<DatabaseSync>()

/**
 * The operating system's own lock on a file, by way of SQLite; undefined when another has it. Whoever
 * may read the file could hold a lock on it: that is this user alone.
 */
function lockFile(path: string): DatabaseSync | undefined {
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    // Not by way of a descriptor: to close one would end a lock that this process has.
    chmodSync(path, 0o600)
  }
  const file = new DatabaseSync(path)
  try {
    file.exec('BEGIN EXCLUSIVE')
    return file
  } catch (error) {
    file.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy)
      return undefined
    throw error
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** The holder's process id. It writes it just after it has the lock: until then a dead one's is there. */
async function holderOf(pidFile: string): Promise<string> {
  let pid = Number.NaN
  for (let tries = 0; tries < 20; tries += 1) {
    try {
      pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10)
      if (isAlive(pid)) break
    } catch {
      // Not written yet.
    }
    await sleep(50)
  }
  return Number.isNaN(pid) ? 'another process' : `process ${pid}`
}

/**
 * Takes a DATA_DIR, which is made when it is not there, for this process alone. A holder that died
 * leaves nothing that stands in the way: the operating system lets its lock go.
 *
 * @throws DataDirInUseError naming the holder's process id; ConfigError when there can be no such
 *   folder, or it is not this user's alone.
 */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  const socket = socketPath(dataDir)
  const pidFile = join(dataDir, 'server.pid')
  let file: DatabaseSync | undefined
  try {
    await makeFolder(dataDir)
    await assertOwnDataDir(dataDir)
    await assertRootOwns(dataDir)
    file = lockFile(join(dataDir, 'server.lock'))
    if (file) {
      rmSync(pidFile, { force: true })
      writeFileSync(pidFile, `${process.pid}\n`, { flag: 'wx', mode: 0o644 })
    }
  } catch (cause) {
    file?.close()
    const known = accessProblem(cause) ?? cause
    if (known instanceof ConfigError) throw known
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigError(
      `DATA_DIR is ${JSON.stringify(dataDir)}; expected a folder to write to: ${reason}`,
    )
  }
  if (!file) {
    const holder = await holderOf(pidFile)
    throw new DataDirInUseError(`DATA_DIR ${dataDir} is in use by ${holder}`)
  }

  const lock = file
  held.add(lock)
  let handler: CommandHandler | undefined
  const unlock = async (): Promise<void> => {
    if (!held.delete(lock)) return
    await rm(pidFile, { force: true })
    lock.close()
  }
  try {
    const server = await serveCommands(socket, () => handler)
    return {
      onCommand: (next) => {
        handler = next
      },
      // The socket's file goes with the server, so the server goes before the lock.
      release: () => new Promise((done) => server.close(done)).then(unlock),
    }
  } catch (error) {
    await unlock()
    throw error
  }
}

const commandAnswer = z.union([
  z.object({ part: z.string() }),
  z.object({ error: z.string(), output: z.string().optional() }),
  z.object({ output: z.string() }),
])

/** The lines of an answer, each as soon as it is there, and no faster than they are taken. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  for await (const text of response.setEncoding('utf8')) {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}

/**
 * Runs a command in the server that holds a DATA_DIR and returns what it prints, behind what it has
 * written; undefined when none is there to ask.
 *
 * @throws CommandError when the server does not run it; ConfigError when others may listen there.
 */
export async function sendCommand(
  dataDir: string,
  argv: readonly string[],
  text = '',
  write: Write = async () => true,
): Promise<string | undefined> {
  await assertOwnDataDir(dataDir)
  const response = await new Promise<IncomingMessage | undefined>((done, fail) => {
    const call = request({ socketPath: socketPath(dataDir), path: '/run', method: 'POST' }, done)
    call.on('error', (error) => {
      const code = 'code' in error ? error.code : undefined
      if (code === 'ENOENT' || code === 'ECONNREFUSED') done(undefined)
      else fail(error)
    })
    call.end(JSON.stringify({ argv, text }))
  })
  if (!response) return undefined
  for await (const line of linesOf(response)) {
    const answer = commandAnswer.parse(JSON.parse(line))
    if ('error' in answer) throw new CommandError(answer.error, answer.output)
    if ('output' in answer) return answer.output
    if (!(await write(answer.part))) return ''
  }
  throw new CommandError('the server ended before it had answered')
}
