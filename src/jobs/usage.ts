import type { Logger } from 'pino'
import type { PrismaClient } from '../generated/prisma/client.ts'

interface Use {
  readonly workspaceId: string
  readonly keyId: string
  readonly at: Date
  readonly address: string | null
}

/** Gathers when keys were last used, and writes it in batches, never on a request's path. */
export interface UsageRecorder {
  used(workspaceId: string, keyId: string, at: Date, address: string | undefined): void
  /** Writes what is gathered. Failures are logged, and tried again with the next batch. */
  flush(): Promise<void>
  /** Ends the timer and flushes. */
  close(): Promise<void>
}

const flushEvery = 10_000

/** One statement, forward only: a later time already stored stays. */
async function write(prisma: PrismaClient, uses: readonly Use[]): Promise<void> {
  const sorted = [...uses].sort((a, b) => (a.keyId < b.keyId ? -1 : 1))
  await prisma.$executeRaw`
    INSERT INTO "ApiKeyUsage" ("workspaceId", "keyId", "lastUsedAt", "lastUsedIp")
    SELECT w, k, t, nullif(ip, '') FROM unnest(${sorted.map((use) => use.workspaceId)}::text[],
                         ${sorted.map((use) => use.keyId)}::text[],
                         ${sorted.map((use) => use.at.toISOString())}::timestamptz[],
                         ${sorted.map((use) => use.address ?? '')}::text[]) AS used (w, k, t, ip)
    ON CONFLICT ("workspaceId", "keyId") DO UPDATE
       SET "lastUsedAt" = excluded."lastUsedAt", "lastUsedIp" = excluded."lastUsedIp"
     WHERE "ApiKeyUsage"."lastUsedAt" < excluded."lastUsedAt"`
}

/**
 * The first use of a key since the start is written at once, later ones at most every 10 s. It
 * changes no right, so it neither takes the workspace's lock nor raises its epoch.
 */
export function createUsageRecorder(prisma: PrismaClient, logger: Logger): UsageRecorder {
  const seen = new Set<string>()
  let pending = new Map<string, Use>()
  let writing = Promise.resolve()

  const flush = (): Promise<void> => {
    writing = writing.then(async () => {
      if (pending.size === 0) return
      const batch = pending
      pending = new Map()
      try {
        await write(prisma, [...batch.values()])
      } catch (error) {
        logger.warn({ err: error }, 'could not store when keys were last used')
        pending = new Map([...batch, ...pending])
      }
    })
    return writing
  }

  const timer = setInterval(() => void flush(), flushEvery).unref()
  return {
    used(workspaceId, keyId, at, address) {
      pending.set(keyId, { workspaceId, keyId, at, address: address ?? null })
      if (seen.has(keyId)) return
      seen.add(keyId)
      setImmediate(() => void flush())
    },
    flush,
    close() {
      clearInterval(timer)
      return flush()
    },
  }
}
