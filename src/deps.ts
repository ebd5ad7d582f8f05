import type { KeyObject } from 'node:crypto'
import type { Logger } from 'pino'
import type { AccessTokens } from './auth/access-tokens.ts'
import type { CredentialCache } from './auth/credential-cache.ts'
import type { SignInVerifier } from './auth/credentials/oidc.ts'
import type { LegacyKeys } from './auth/legacy-keys.ts'
import type { SigningKeys } from './auth/signing-keys.ts'
import type { PrismaClient } from './generated/prisma/client.ts'
import type { DenialTally } from './jobs/denials.ts'
import type { UsageRecorder } from './jobs/usage.ts'
import type { Limits } from './limits/limits.ts'
import type { Metrics } from './metrics.ts'
import type { WebhookSender } from './modules/webhook/post.ts'
import type { Replica } from './replication/replica.ts'
import type { Runtime } from './runtime/runtime.ts'
import type { DocumentStore } from './storage/document-store.ts'

/** What every part of the running server stands on. */
export interface Deps {
  readonly prisma: PrismaClient
  /** Whether the database is PGlite, in this process: it does one thing at a time. */
  readonly embedded: boolean
  /** This server among all those on the same database. */
  readonly replica: Replica
  readonly credentials: CredentialCache
  readonly usage: UsageRecorder
  /** What was refused to known credentials and is to be in the audit. */
  readonly denials: DenialTally
  readonly limits: Limits
  readonly metrics: Metrics
  /** Keys the audit chains; derived from SECRETS_KEY. */
  readonly auditKey: KeyObject
  /** Of new keys. */
  readonly keyPrefix: string
  /** Of all keys that this installation ever made. */
  readonly keyPrefixes: ReadonlySet<string>
  readonly legacyKeys: LegacyKeys
  /** Where the installation is reached: the issuer of its tokens, and their audience by default. */
  readonly publicUrl: string
  readonly signingKeys: SigningKeys
  readonly accessTokens: AccessTokens
  /** Whose tokens sign people in; undefined: nobody's. */
  readonly signIn: SignInVerifier | undefined
  /** Whether a person whom nobody has added becomes a user, and people may create workspaces. */
  readonly signUp: boolean
  readonly runtime: Runtime
  readonly documents: DocumentStore
  readonly webhooks: WebhookSender
  readonly logger: Logger
}
