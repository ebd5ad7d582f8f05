import { once } from 'node:events'
import { promisify } from 'node:util'
import { destination, pino } from 'pino'
import { createApp } from './app.ts'
import { readCommand } from './commands/commands.ts'
import { type Config, readConfig } from './config.ts'
import { accessProblem } from './db/data-dir.ts'
import { DataDirInUseError } from './db/lock.ts'
import { MigrationError } from './db/migrate.ts'
import { ConfigError } from './errors.ts'
import { ensureFirstWorkspace, type FirstStart } from './first-start.ts'
import { listen } from './http/node/server.ts'
import { graphqlPath } from './http/paths.ts'
import { type Installation, openInstallation } from './installation.ts'
import { maxBodyBytes } from './limits/request-limits.ts'
import { watchKeyExpiry } from './modules/api-key/expiry-notices.ts'
import { watchDenials } from './modules/audit/record-denials.ts'
import { watchOrphanedBlobs } from './modules/document/orphaned-blobs.ts'
import { endRunsOfLastProcess, watchRuns } from './modules/run/recover.ts'
import { watchWebhooks } from './modules/webhook/watch.ts'
import { withTimeout } from './timeout.ts'

/** Who does not take the log is not waited for longer, in milliseconds. */
const logWithinMs = 1_000

/** What an operator sees at the start. A key that was made is shown here, this once. */
function greeting(url: string, config: Config, start: FirstStart): string {
  const endpoint = `${url}${graphqlPath}`
  const lines = [
    `Latchkey listens on ${endpoint}${config.graphiql ? ' (GraphiQL in a browser)' : ''}`,
  ]
  if (start.isFirst) {
    const isSet = config.bootstrapKey !== undefined
    const shown = isSet ? 'as set in LATCHKEY_BOOTSTRAP_KEY' : `${start.secret} (shown this once)`
    const key = isSet ? '$LATCHKEY_BOOTSTRAP_KEY' : start.secret
    const query = '{"query":"{ viewer { user { name } role permissions } }"}'
    lines.push(
      '',
      `  workspace  ${start.workspace}`,
      `  owner key  ${shown}`,
      '',
      `  curl ${endpoint} -H "Authorization: Bearer ${key}" \\`,
      `    -H 'Content-Type: application/json' -d '${query}'`,
      '',
    )
  } else if (config.bootstrapKey !== undefined)
    lines.push('LATCHKEY_BOOTSTRAP_KEY is ignored: this database has a workspace.')
  return lines.join('\n')
}

async function main(): Promise<void> {
  const config = readConfig()
  // No request waits for the log. Lines that nobody takes are dropped beyond the length in bytes, and
  // without a least length there is no waiting for what is on its way.
  const log = destination({ dest: 2, sync: false, minLength: 1, maxLength: 16_777_216 })
  const logger = pino({ level: config.logLevel }, log)
  try {
    for (const warning of config.warnings) logger.warn(warning)
    const installation = await openInstallation(config, logger)
    await serve(config, installation).finally(installation.close)
  } finally {
    await endLog(log)
  }
}

/** Writes the rest of the log: what is on its way as the process exits would be lost. */
async function endLog(log: ReturnType<typeof destination>): Promise<void> {
  const isWritten = promisify(log.flush.bind(log))().then(
    () => true,
    () => true,
  )
  // An exit would write it as well, and wait for ever for a reader that takes nothing.
  if (!(await withTimeout(isWritten, logWithinMs))) log.destroy()
}

/** By the code of the error, why the server cannot listen, for the operator. */
const notListening: Readonly<Record<string, (settings: Config) => string>> = {
  EADDRINUSE: ({ port, host }) => `PORT is ${port}; expected one that is free on ${host}`,
  EACCES: ({ port }) => `PORT is ${port}; this user may not listen there, expected 1024 or more`,
  EADDRNOTAVAIL: ({ host }) => `HOST is "${host}"; expected an address of this machine`,
  ENOTFOUND: ({ host }) => `HOST is "${host}", which no name server knows; expected an address`,
}

/** Serves until the process is asked to end, and finishes what it has begun. */
async function serve(config: Config, { deps, lock }: Installation): Promise<void> {
  const { logger } = deps
  lock?.onCommand(async (argv, text, write) => await readCommand(argv, text)(deps, write))
  await deps.replica.join(deps.credentials)
  const start = await ensureFirstWorkspace(deps, config.bootstrapKey)
  await endRunsOfLastProcess(deps)
  const watches = [watchRuns(deps), watchOrphanedBlobs(deps), watchKeyExpiry(deps)]
  const webhooks = watchWebhooks(deps)
  const denials = watchDenials(deps)
  const app = createApp(deps, config)
  const { host, port } = config
  // What an operation may have, and the file beside it.
  const maxUploadBytes = maxBodyBytes + config.documents.maxBytes
  const listener = await listen(app.handle, {
    ended: app.ended,
    host,
    port,
    maxBodyBytes,
    maxUploadBytes,
    logger,
  }).catch((error: NodeJS.ErrnoException) => {
    const reason = notListening[error.code ?? '']
    throw reason ? new ConfigError(reason(config)) : error
  })
  // Heard before anybody can know that it runs.
  const asked = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  process.stdout.write(`${greeting(listener.url, config, start)}\n`)

  await asked
  logger.info('stopping')
  for (const watch of watches) watch.close()
  // Runs are given up a moment before their connections, so that waiting clients get an answer.
  const seconds = Math.max(0, config.shutdownSeconds - 1)
  const runs = deps.runtime.underWay.close(seconds)
  await Promise.all([listener.close(config.shutdownSeconds), runs, webhooks.close(seconds)])
  await denials.close()
}

const forTheOperator = [ConfigError, MigrationError, DataDirInUseError]

try {
  await main()
  process.exit(0)
} catch (error) {
  const known = accessProblem(error) ?? error
  const isExpected = forTheOperator.some((type) => known instanceof type)
  console.error(isExpected && known instanceof Error ? `latchkey: ${known.message}` : error)
  process.exit(1)
}
