import type { Caller } from '../../auth/caller.ts'
import type { KeyRecord, Queryable } from '../../auth/key-record.ts'
import { RequestError, userError } from '../../errors.ts'
import type { ApiKey, Prisma } from '../../generated/prisma/client.ts'
import { type Given, readInput } from '../../input/read-input.ts'
import type { ServiceContext } from '../../service-context.ts'
import { retryWithLocks } from '../../transactions/retry-with-locks.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
  type Work,
} from '../../transactions/workspace-transaction.ts'
import {
  endEverywhere,
  otherWorkspacesOf,
  revokesEverywhere,
} from '../legacy-import/revoke-everywhere.ts'
import { type ApiKeyFilter, apiKeyFilter } from './api-key.filter.ts'
import { revokeApiKeysInput } from './api-key.input.ts'
import { visibleKeys } from './api-key.visibility.ts'
import { assertMayRevoke, revokeKeys } from './revoke-keys.ts'

/** How many keys one call revokes at most: the workspace is locked meanwhile. */
const maxAtOnce = 1_000

/** How many of the keys that it revokes a call shows at most. */
export const maxShown = 100

const newestFirst = [{ createdAt: 'desc' }, { id: 'desc' }] as const
const path = ['input', 'filter']

/** What of a key decides whether a caller may revoke it, and where it ends. */
type FoundKey = Pick<KeyRecord, 'id' | 'name' | 'ownerId' | 'ownerRole' | 'userLevel'>

const columns = {
  id: true,
  name: true,
  ownerId: true,
  userLevel: true,
  owner: { select: { role: true } },
} as const

/**
 * The newest keys that are not revoked yet, that the caller sees and that the filter finds: at most one
 * more than may be revoked at a time.
 */
async function findKeys(
  db: Queryable & Pick<Prisma.TransactionClient, 'apiKey'>,
  caller: Caller,
  filter: ApiKeyFilter,
): Promise<FoundKey[]> {
  const found = await apiKeyFilter(db, caller, filter)
  if (found.AND.length === 0)
    throw userError(
      'INVALID',
      path,
      'Name in the filter which keys to revoke: it must not be empty.',
    )
  const rows = await db.apiKey.findMany({
    where: { AND: [visibleKeys(caller), found, { revokedAt: null }] },
    select: columns,
    orderBy: [...newestFirst],
    take: maxAtOnce + 1,
  })
  return rows.map(({ owner, ...key }) => ({ ...key, ownerRole: owner.role }))
}

/** @throws RequestError FORBIDDEN naming the first key that the caller may not revoke */
function assertMayRevokeAll(caller: Caller, keys: readonly FoundKey[]): void {
  for (const key of keys)
    try {
      assertMayRevoke(caller, key)
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      const message = `The filter finds the key ${JSON.stringify(key.name)}, which you may not revoke. ${error.message} No key was revoked: narrow the filter.`
      throw new RequestError(error.code, message, error.details)
    }
}

export interface FoundKeys {
  /** The newest of them, 100 at most. */
  readonly apiKeys: readonly ApiKey[]
  /** How many were, or would be, revoked. */
  readonly revokedCount: number
}

/**
 * Revokes every key that the caller sees and the filter finds, each as `revokeApiKey` does, in one
 * transaction: all of them or none. What was revoked before is not among them; the calling key is, where
 * the filter finds it. With `dryRun` all is checked and nothing changed.
 *
 * @throws UserInputError INVALID for a filter that names nothing, LIMIT_REACHED for more than 1,000
 *   keys; RequestError FORBIDDEN where the caller may not revoke one of them
 */
export async function revokeApiKeys(
  context: ServiceContext,
  { filter, ...input }: Given<typeof revokeApiKeysInput> & { readonly filter: ApiKeyFilter },
): Promise<FoundKeys> {
  const { reason, dryRun } = readInput(revokeApiKeysInput, input)
  const { deps, caller } = context
  const revokeIn: Work<CallerTransaction, FoundKeys> = async (c, others) => {
    // Under the lock: one of the keys may have made, or been given, another one meanwhile.
    const keys = await findKeys(c.db, c.caller, filter)
    if (keys.length > maxAtOnce)
      throw userError(
        'LIMIT_REACHED',
        path,
        `The filter finds more than ${maxAtOnce} keys, and that many are revoked at a time at most. No key was revoked: narrow the filter, by createdBefore for example.`,
      )
    assertMayRevokeAll(c.caller, keys)
    if (!dryRun) {
      const revocation = { revokedById: c.caller.user.id, reason }
      const { everywhere = [], here = [] } = Object.groupBy(keys, (key) =>
        revokesEverywhere(c.caller, key) ? 'everywhere' : 'here',
      )
      if (everywhere.length > 0) await endEverywhere([c, ...others], everywhere, revocation)
      await revokeKeys(c, here, revocation)
    }
    const ids = keys.slice(0, maxShown).map(({ id }) => id)
    const where = { workspaceId: c.workspace.id, id: { in: ids } }
    const apiKeys = await c.db.apiKey.findMany({ where, orderBy: [...newestFirst] })
    return { apiKeys, revokedCount: keys.length }
  }
  const options = { permission: 'keys:delete', keepsAuthorization: dryRun } as const
  const otherWorkspaces = async (): Promise<readonly string[]> => {
    const found = await findKeys(deps.prisma, caller, filter)
    const ids = found.map(({ id }) => id)
    return await otherWorkspacesOf(context, ids, false)
  }
  return await retryWithLocks(
    async () => (dryRun ? [] : await otherWorkspaces()),
    (others) => inWorkspaceTransaction(context, { ...options, others }, revokeIn),
  )
}
