import { legacyKeysSetting } from '../../auth/legacy-keys.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'

/** Any number that no other advisory lock has. */
const secretsLock = 72_707_370

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
export async function recordLegacyKeys({ db, deps, now }: WorkspaceTransaction): Promise<void> {
  const value = now.toISOString()
  await db.setting.createMany({ data: [{ name: legacyKeysSetting, value }], skipDuplicates: true })
  // Before it is committed: until then a look-up finds nothing, and does no harm.
  deps.legacyKeys.imported()
}
