import type { Logger } from 'pino'
import type { PermissionName } from '../auth/permissions.ts'
import { Prisma, type PrismaClient } from '../generated/prisma/client.ts'
import { isIdOf } from '../ids.ts'
import { every, withTimeout } from '../timeout.ts'
import {
  createRightsGatherer,
  deleteOldUsage,
  presentDay,
  storeUsedRights,
} from './rights-usage.ts'

interface Use {
  readonly workspaceId: string
  /** Of a key or of a token: the kinds of ids tell them apart. A key may be in several workspaces. */
  readonly id: string
  readonly at: Date
  readonly address: string | null
}

/** A credential that was accepted: a key, or a token with the key that it is of. */
interface UsedCredential {
  readonly workspaceId: string
  readonly key: { readonly id: string }
  readonly tokenId?: string
}

/** Whose rights were used: those of a key or of its token; of a person nothing is kept. */
interface HolderOfRights {
  readonly workspaceId: string
  readonly key: { readonly id: string } | null
}

/**
 * Gathers when keys and tokens were last used, and what of their rights, and writes it in batches,
 * never on a request's path.
 */
export interface UsageRecorder {
  used(credential: UsedCredential, at: Date, address: string | undefined): void
  /** Permissions that were asked for and held, and the ids of spaces, or of rows in spaces, read or changed. */
  usedRights(
    holder: HolderOfRights,
    permissions: Iterable<PermissionName>,
    ids?: Iterable<string>,
  ): void
  /** Writes what is gathered. Failures are logged, and tried again with the next batch. */
  flush(): Promise<void>
  /** Ends the timer and flushes, as far as it can be done in a few seconds. */
  close(): Promise<void>
}

/** What a use is written for: the last one of several counts. */
const slotOf = ({ workspaceId, id }: Pick<Use, 'workspaceId' | 'id'>): string =>
  `${workspaceId} ${id}`

const flushEvery = 10_000
const maxSeen = 100_000
/** A database that hangs is not waited for by a process that is to end. */
const closeWithinMs = 3_000

const tables = {
  key: { table: Prisma.sql`"ApiKeyUsage"`, id: Prisma.sql`"keyId"` },
  tok: { table: Prisma.sql`"AccessTokenUsage"`, id: Prisma.sql`"tokenId"` },
} as const

/** One statement, forward only: a later time already stored stays. */
async function write(
  prisma: PrismaClient,
  kind: keyof typeof tables,
  uses: readonly Use[],
): Promise<void> {
  const sorted = uses
    .filter((use) => isIdOf(kind, use.id))
    .sort((a, b) => (slotOf(a) < slotOf(b) ? -1 : 1))
  if (sorted.length === 0) return
  const { table, id } = tables[kind]
  await prisma.$executeRaw`
    INSERT INTO ${table} ("workspaceId", ${id}, "lastUsedAt", "lastUsedIp")
    SELECT w, k, t, nullif(ip, '') FROM unnest(${sorted.map((use) => use.workspaceId)}::text[],
                         ${sorted.map((use) => use.id)}::text[],
                         ${sorted.map((use) => use.at.toISOString())}::timestamptz[],
                         ${sorted.map((use) => use.address ?? '')}::text[]) AS used (w, k, t, ip)
    ON CONFLICT ("workspaceId", ${id}) DO UPDATE
       SET "lastUsedAt" = excluded."lastUsedAt", "lastUsedIp" = excluded."lastUsedIp"
     WHERE ${table}."lastUsedAt" < excluded."lastUsedAt"`
}

/**
 * The first use of a key since the start, and of a permission or space on a day, is written at once,
 * later ones at most every 10 s. It changes no right, so it neither takes the workspace's lock nor raises
 * its epoch.
 */
export function createUsageRecorder(prisma: PrismaClient, logger: Logger): UsageRecorder {
  const seen = new Set<string>()
  const remember = (slot: string): void => {
    // Tokens come and go: whose first use is forgotten here is written at once again.
    if (seen.size >= maxSeen) seen.clear()
    seen.add(slot)
  }
  let pending = new Map<string, Use>()
  let writing = Promise.resolve()
  const rights = createRightsGatherer()
  let cleanedOn = ''

  const writeUses = async (): Promise<void> => {
    if (pending.size === 0) return
    const batch = pending
    pending = new Map()
    try {
      for (const kind of ['key', 'tok'] as const) await write(prisma, kind, [...batch.values()])
    } catch (error) {
      logger.warn({ err: error }, 'could not store when keys and tokens were last used')
      pending = new Map([...batch, ...pending])
    }
  }
  const writeRights = async (): Promise<void> => {
    const names = rights.take()
    const day = presentDay()
    try {
      await storeUsedRights(prisma, names, day)
      if (day === cleanedOn) return
      await deleteOldUsage(prisma, day)
      cleanedOn = day
    } catch (error) {
      logger.warn(
        { err: error },
        'could not store what keys used of their rights, or delete what is old',
      )
      rights.restore(names)
    }
  }
  const flush = (): Promise<void> => {
    writing = writing.then(writeUses).then(writeRights)
    return writing
  }
  let isDue = false
  const flushSoon = (): void => {
    if (isDue) return
    isDue = true
    setImmediate(() => {
      isDue = false
      void flush()
    })
  }

  const stop = every(flushEvery, flush)
  return {
    used({ workspaceId, key, tokenId }, at, address) {
      let slot = ''
      for (const id of tokenId === undefined ? [key.id] : [key.id, tokenId]) {
        slot = slotOf({ workspaceId, id })
        pending.set(slot, { workspaceId, id, at, address: address ?? null })
      }
      if (seen.has(slot)) return
      remember(slot)
      flushSoon()
    },
    usedRights({ workspaceId, key }, permissions, ids = []) {
      if (key === null) return
      if (rights.add({ workspaceId, keyId: key.id }, permissions, ids)) flushSoon()
    },
    flush,
    async close() {
      stop()
      await withTimeout(flush(), closeWithinMs)
    },
  }
}
