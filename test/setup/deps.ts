import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { createAccessTokens } from '../../src/auth/access-tokens.ts'
import { createCredentialCache } from '../../src/auth/credential-cache.ts'
import type { SignInVerifier } from '../../src/auth/credentials/oidc.ts'
import { openLegacyKeys } from '../../src/auth/legacy-keys.ts'
import { openSigningKeys } from '../../src/auth/signing-keys.ts'
import type { Config } from '../../src/config.ts'
import type { Database } from '../../src/db/client.ts'
import { notedKeyPrefixes } from '../../src/db/key-prefixes.ts'
import type { Deps } from '../../src/deps.ts'
import { DenialTally } from '../../src/jobs/denials.ts'
import { createUsageRecorder } from '../../src/jobs/usage.ts'
import { createLimits, type LimitsOptions } from '../../src/limits/limits.ts'
import { createMetrics } from '../../src/metrics.ts'
import { createPost, type PostOptions } from '../../src/modules/webhook/post.ts'
import { deriveWebhookKey } from '../../src/modules/webhook/signing-secret.ts'
import { createRunRegistry } from '../../src/runtime/run-registry.ts'
import { createRuntime, type RuntimeSettings } from '../../src/runtime/runtime.ts'
import { openStorage } from '../../src/storage/open-storage.ts'
import type { S3Timeouts } from '../../src/storage/storage.ts'
import { deriveAuditKey } from '../../src/transactions/audit-chain.ts'

/** Who may sign in; nobody by default. */
export interface SignInOptions {
  readonly signIn?: SignInVerifier
  readonly signUp?: boolean
}

export interface DepsOptions extends SignInOptions {
  readonly limits?: Pick<LimitsOptions, 'plans' | 'redisUrl'>
  /** Where agents run; nowhere by default. */
  readonly runtime?: Partial<RuntimeSettings>
  /** In a folder of their own by default, which is made when one is stored. */
  readonly documents?: Partial<Config['documents']>
  /** What is on its way to a bucket. */
  readonly incoming?: string
  /** How webhooks are sent; to addresses of this machine as well by default. */
  readonly webhooks?: Partial<PostOptions>
  /** Of a bucket. */
  readonly timeouts?: S3Timeouts
}

const secretsKey = 'a key for tests, long enough to be one'
export const publicUrl = 'http://latchkey.test'

/** A place that nobody else uses. */
export const ownFolder = () => ({ folder: join(tmpdir(), `latchkey-test-${randomUUID()}`) })

/** What a server stands on over that database, as its start would put it together. */
export async function depsOver(
  { prisma, embedded, replica }: Database,
  logger: Logger,
  {
    signIn,
    signUp = false,
    limits = {},
    runtime = {},
    documents = {},
    incoming = ownFolder().folder,
    timeouts,
    webhooks = {},
  }: DepsOptions = {},
): Promise<Deps> {
  const signingKeys = await openSigningKeys(prisma, secretsKey)
  const metrics = createMetrics()
  const credentials = createCredentialCache(replica, 64, metrics.countEpoch)
  await replica.join(credentials)
  const { allowPrivate = true } = webhooks
  return {
    prisma,
    embedded,
    replica,
    credentials,
    usage: createUsageRecorder(prisma, logger),
    denials: new DenialTally(),
    limits: await createLimits({ ...limits, logger, metrics }),
    metrics,
    auditKey: deriveAuditKey(secretsKey),
    keyPrefix: 'lk',
    keyPrefixes: await notedKeyPrefixes(prisma, { keyPrefix: 'lk' }),
    legacyKeys: await openLegacyKeys({ prisma, embedded }),
    publicUrl,
    signingKeys,
    accessTokens: createAccessTokens(signingKeys, publicUrl),
    signIn,
    signUp,
    documents: {
      storage: await openStorage(documents.location ?? ownFolder(), {
        incoming,
        logger,
        timeouts,
      }),
      maxBytes: 1_048_576,
      maxCount: 20,
      maxWorkspaceBytes: 1_073_741_824,
      ...documents,
    },
    webhooks: {
      post: createPost({ allowPrivate, ...webhooks }),
      allowPrivate,
      encryptionKey: deriveWebhookKey(secretsKey),
    },
    runtime: await createRuntime(
      { timeoutSeconds: 30, ...runtime },
      createRunRegistry(prisma, logger, metrics),
    ),
    logger,
  }
}
