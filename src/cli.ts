import { readFile } from 'node:fs/promises'
import { destination, pino } from 'pino'
import packageJson from '../package.json' with { type: 'json' }
import { commands, fileOf, readCommand } from './commands/commands.ts'
import { oneLine, PartialFailure, UsageError } from './commands/define.ts'
import { helpFor } from './commands/help.ts'
import { readConfig } from './config.ts'
import { CommandError } from './db/admin-socket.ts'
import { accessProblem } from './db/data-dir.ts'
import { sendCommand } from './db/lock.ts'
import { TextEncodingProbe } from './input/text-encoding.ts'

/** Read here: a server may run in another folder, or see other files. */
async function readText(path: string): Promise<string> {
  const bytes = await readFile(path)
  const probe = new TextEncodingProbe()
  probe.add(bytes)
  const encoding = probe.end()
  if (encoding === undefined)
    throw new Error(`${JSON.stringify(path)} is no text that can be read; save it as UTF-8`)
  return new TextDecoder(encoding).decode(bytes)
}

/** Resolves once the reader has taken it; false: it has gone, as `head` does once it has enough. */
const print = (text: string): Promise<boolean> =>
  new Promise((done, fail) => {
    process.stdout.write(text, (error) => {
      if (!error) done(true)
      else if ('code' in error && error.code === 'EPIPE') done(false)
      else fail(error)
    })
  })

/** Runs a command in the server that has the database, or, where none has, on the database itself. */
async function run(argv: readonly string[]): Promise<string> {
  const path = fileOf(argv)
  const text = path === undefined ? '' : await readText(path)
  const command = readCommand(argv, text)
  const config = readConfig()
  const output =
    config.databaseUrl === undefined
      ? await sendCommand(config.dataDir, argv, text, print)
      : undefined
  if (output !== undefined) return output
  const logger = pino({ level: config.logLevel }, destination(2))
  // Much to load, for where a server has not done it.
  const { openInstallation } = await import('./installation.ts')
  const { deps, close } = await openInstallation(config, logger)
  try {
    // So that it hears when the servers have heard of what it changes.
    await deps.replica.join(deps.credentials)
    return await command(deps, print)
  } finally {
    await close()
  }
}

const main = async (argv: readonly string[]): Promise<string> =>
  argv.length === 1 && argv[0] === '--version'
    ? packageJson.version
    : (helpFor(commands, argv) ?? (await run(argv)))

// Each write says itself what went wrong.
process.stdout.on('error', () => undefined)

try {
  const output = await main(process.argv.slice(2))
  if (output !== '') await print(`${output}\n`)
} catch (error) {
  if (error instanceof CommandError && error.output !== undefined)
    await print(`${error.output}\n`).catch(() => false)
  const known = accessProblem(error) ?? error
  const message = known instanceof Error ? known.message : String(known)
  const hasLines = error instanceof CommandError || error instanceof PartialFailure
  console.error(`latchkey: ${hasLines ? message : oneLine(message)}`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
