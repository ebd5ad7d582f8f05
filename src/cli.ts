import { destination, pino } from 'pino'
import { readCommand } from './commands.ts'
import { sendCommand } from './db/lock.ts'
import { readEnv } from './env.ts'
import { openInstallation } from './installation.ts'

/** Runs a command in the server that has the database, or, where none has, on the database itself. */
async function main(argv: readonly string[]): Promise<string> {
  const command = readCommand(argv)
  const env = readEnv()
  const output = env.databaseUrl === undefined ? await sendCommand(env.dataDir, argv) : undefined
  if (output !== undefined) return output
  const logger = pino({ level: env.logLevel }, destination(2))
  const { deps, close } = await openInstallation(env, logger)
  try {
    return await command(deps)
  } finally {
    await close()
  }
}

try {
  process.stdout.write(`${await main(process.argv.slice(2))}\n`)
} catch (error) {
  console.error(`latchkey: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
