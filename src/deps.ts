import type { Logger } from 'pino'
import type { CredentialCache } from './auth/credential-cache.ts'
import type { PrismaClient } from './generated/prisma/client.ts'
import type { UsageRecorder } from './jobs/usage.ts'

/** What every part of the running server stands on. */
export interface Deps {
  readonly prisma: PrismaClient
  readonly credentials: CredentialCache
  readonly usage: UsageRecorder
  /** Keys the audit chains; derived from SECRETS_KEY. */
  readonly auditKey: Uint8Array
  readonly keyPrefix: string
  readonly logger: Logger
}
