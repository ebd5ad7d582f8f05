import type { PrismaClient } from '../generated/prisma/client.ts'
import type { WorkspaceTransaction } from '../transactions/workspace-transaction.ts'

const name = 'legacyKeys'

/** Any number that no other advisory lock has. */
const secretsLock = 72_707_370

/**
 * Whether keys that were issued elsewhere have ever been imported: only then is a secret looked up
 * that has no shape of ours. Once they have, it stays so: revoked and migrated ones are told apart
 * from what is not known.
 */
export interface LegacyKeys {
  exist(): Promise<boolean>
  /** To be told when this process imports some. */
  imported(): void
}

/** As the database says it; one on a server is asked again until it says so, for others import too. */
export async function openLegacyKeys({
  prisma: { setting },
  embedded,
}: {
  readonly prisma: Pick<PrismaClient, 'setting'>
  readonly embedded: boolean
}): Promise<LegacyKeys> {
  const isNoted = async (): Promise<boolean> =>
    (await setting.findUnique({ where: { name } })) !== null
  let exist = await isNoted()
  return {
    async exist() {
      if (!exist && !embedded && (await isNoted())) exist = true
      return exist
    },
    imported() {
      exist = true
    },
  }
}

/**
 * Locks the secrets that imports look up and store, after the locks of workspaces and users. Imports
 * into workspaces share it, for there a hash is one row; those of user-level keys, which are in another
 * table, have it alone.
 */
export async function lockLegacySecrets(
  { db }: WorkspaceTransaction,
  use: 'shared' | 'alone',
): Promise<void> {
  await (use === 'shared'
    ? db.$executeRaw`SELECT pg_advisory_xact_lock_shared(${secretsLock})`
    : db.$executeRaw`SELECT pg_advisory_xact_lock(${secretsLock})`)
}

/** Notes that there are legacy keys, in the transaction that makes some. */
export async function noteLegacyKeys({ db, deps, now }: WorkspaceTransaction): Promise<void> {
  const value = now.toISOString()
  await db.setting.createMany({ data: [{ name, value }], skipDuplicates: true })
  // Before it is committed: until then a look-up finds nothing, and does no harm.
  deps.legacyKeys.imported()
}
