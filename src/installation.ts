import { setGlobalProxyFromEnv } from 'node:http'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { createAccessTokens } from './auth/access-tokens.ts'
import { createCredentialCache } from './auth/credential-cache.ts'
import { createSignInVerifier } from './auth/credentials/oidc.ts'
import { openLegacyKeys } from './auth/legacy-keys.ts'
import { openSigningKeys } from './auth/signing-keys.ts'
import { type Config, refuseOwnIssuer } from './config.ts'
import { openDatabase } from './db/client.ts'
import { warnOfClock } from './db/clock.ts'
import { assertOwnDataDir } from './db/data-dir.ts'
import { notedKeyPrefixes } from './db/key-prefixes.ts'
import { type DataDirLock, lockDataDir } from './db/lock.ts'
import { installationUrl } from './db/public-url.ts'
import { checkSecretsKey, hasSecretsKey, localSecretsKey } from './db/secrets-key.ts'
import type { Deps } from './deps.ts'
import { DenialTally } from './jobs/denials.ts'
import { createUsageRecorder } from './jobs/usage.ts'
import { createLimits } from './limits/limits.ts'
import { builtInPlans } from './limits/plans.ts'
import { readPlansFile } from './limits/plans-file.ts'
import { createMetrics } from './metrics.ts'
import { createPost } from './modules/webhook/post.ts'
import { deriveWebhookKey } from './modules/webhook/signing-secret.ts'
import type { ListenerEvents } from './replication/postgres-replica.ts'
import { createRunRegistry } from './runtime/run-registry.ts'
import { createRuntime } from './runtime/runtime.ts'
import { openStorage } from './storage/open-storage.ts'
import { deriveAuditKey } from './transactions/audit-chain.ts'

/** An open database with what works on it. */
export interface Installation {
  readonly deps: Deps
  /** Of the embedded database: this process alone has it. */
  readonly lock: DataDirLock | undefined
  /** Stores what is gathered in memory, closes the database, gives the folder back. */
  close(): Promise<void>
}

/**
 * Opens the database that the settings name and migrates it.
 *
 * @throws ConfigError, MigrationError or DataDirInUseError with one line for the operator
 */
export async function openInstallation(config: Config, logger: Logger): Promise<Installation> {
  const { databaseUrl, dataDir, plansFile } = config
  const { location, ...documentLimits } = config.documents
  const plans = plansFile === undefined ? builtInPlans : await readPlansFile(plansFile)
  const opened = new AsyncDisposableStack()
  opened.defer(setGlobalProxyFromEnv(config.proxy))
  try {
    // Also with a database elsewhere: documents and uploads may pass through the folder.
    if (databaseUrl !== undefined) await assertOwnDataDir(dataDir)
    const lock = databaseUrl === undefined ? await lockDataDir(dataDir) : undefined
    opened.defer(() => lock?.release())
    const onConnectionError = (err: Error): void => logger.warn({ err }, 'database connection lost')
    const hearing: ListenerEvents = {
      lost: (err) =>
        logger.warn(
          { err },
          'lost the LISTEN connection; the credential cache is off until it is back',
        ),
      regained: () =>
        logger.info('the LISTEN connection is back; the credential cache is on again'),
      notEnded: (err) =>
        logger.warn({ err }, 'could not end the database session of a server that does not answer'),
    }
    const database = await openDatabase(
      databaseUrl === undefined ? { dataDir } : { databaseUrl, onConnectionError, hearing },
    )
    opened.defer(database.close)
    const { prisma, embedded, replica } = database
    if (!embedded) await warnOfClock(prisma, logger)
    const secretsKey = await checkSecretsKey(
      prisma,
      config.secretsKey ?? (await localSecretsKey(dataDir, await hasSecretsKey(prisma))),
      config.untrimmedSecretsKey === undefined ? [] : [config.untrimmedSecretsKey],
    )
    const publicUrl = await installationUrl(prisma, config)
    refuseOwnIssuer(config.oidc, publicUrl)
    const signingKeys = await openSigningKeys(prisma, secretsKey)
    const metrics = createMetrics({ ofProcess: true })
    if (!embedded) metrics.watchLease(() => replica.holdsLease)
    if (database.pool) metrics.watchPool(database.pool)
    const usage = createUsageRecorder(prisma, logger)
    const limits = await createLimits({ plans, redisUrl: config.redisUrl, logger, metrics })
    opened.defer(limits.close)
    const incoming = join(dataDir, 'incoming')
    const storage = await openStorage(location, { incoming, logger, proxy: config.proxy })
    opened.defer(storage.close)
    // The first to be closed: whoever ends the server may not wait for the rest.
    opened.defer(usage.close)
    const deps: Deps = {
      prisma,
      embedded,
      replica,
      credentials: createCredentialCache(
        replica,
        config.credentialCacheMebibytes,
        metrics.countEpoch,
      ),
      usage,
      denials: new DenialTally(),
      limits,
      metrics,
      auditKey: deriveAuditKey(secretsKey),
      keyPrefix: config.keyPrefix,
      keyPrefixes: await notedKeyPrefixes(prisma, config),
      legacyKeys: await openLegacyKeys(database),
      publicUrl,
      signingKeys,
      accessTokens: createAccessTokens(signingKeys, publicUrl),
      signIn: config.oidc && createSignInVerifier(config.oidc),
      signUp: config.signUp,
      documents: { storage, ...documentLimits },
      webhooks: {
        post: createPost({ allowPrivate: config.webhookAllowPrivate, proxy: config.proxy }),
        allowPrivate: config.webhookAllowPrivate,
        encryptionKey: deriveWebhookKey(secretsKey),
      },
      runtime: await createRuntime(config.agentRuntime, createRunRegistry(prisma, logger, metrics)),
      logger,
    }
    return { deps, lock, close: () => opened.disposeAsync() }
  } catch (error) {
    await opened.disposeAsync()
    throw error
  }
}
