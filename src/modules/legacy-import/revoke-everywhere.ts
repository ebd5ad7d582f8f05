import { type Caller, isKeyItself, isSignInOf } from '../../auth/caller.ts'
import type { KeyRecord, Queryable } from '../../auth/key-record.ts'
import { callerElsewhere } from '../../auth/reload-caller.ts'
import type { Deps } from '../../deps.ts'
import { userError } from '../../errors.ts'
import type { ServiceContext } from '../../service-context.ts'
import { assertAllLocked, lockUsers, retryWithLocks } from '../../transactions/retry-with-locks.ts'
import {
  asOperator,
  type CallerTransaction,
  type WorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { type Revocation, revokeKeys } from '../api-key/revoke-keys.ts'

/**
 * Whether a revocation ends a key in every workspace: of a user-level key by itself, or by its
 * owner's sign-in. Anybody else decides for their own workspace alone.
 */
export const revokesEverywhere = (caller: Caller, key: KeyRecord): boolean =>
  key.userLevel && (isKeyItself(caller, key.id) || isSignInOf(caller, key.ownerId))

interface Place {
  readonly workspaceId: string
  readonly isLive: boolean
  /** Whether the key's owner is there still. */
  readonly isPresent: boolean
}

/** The workspaces that know a user-level key, if there is one of that id. */
const placesOf = (db: Queryable, id: string): Promise<(Place & { readonly userId: string })[]> =>
  db.$queryRaw`
    SELECT k."workspaceId", k."revokedAt" IS NULL AS "isLive",
           m."removedAt" IS NULL AS "isPresent", ul."userId"
      FROM "UserLegacyKey" ul
      JOIN "Member" m ON m."userId" = ul."userId"
      JOIN "ApiKey" k ON k."workspaceId" = m."workspaceId" AND k.id = ul.id
     WHERE ul.id = ${id} ORDER BY k."workspaceId"`

const idsOf = (places: readonly Place[]): string[] => places.map(({ workspaceId }) => workspaceId)

const live = (places: readonly Place[]): string[] => idsOf(places.filter(({ isLive }) => isLive))

/** Where the key may have made others that its owner can still ask to be revoked. */
const reachable = (places: readonly Place[]): string[] =>
  idsOf(places.filter(({ isPresent }) => isPresent))

/** The workspaces to lock for a revocation by the caller, besides their own. */
export async function otherWorkspacesOf(
  { deps, caller }: ServiceContext,
  id: string,
  includeCreated: boolean,
): Promise<string[]> {
  const mayBeTheirs =
    caller.kind === 'HUMAN' ||
    (isKeyItself(caller, id) && caller.kind === 'API_KEY' && caller.isUserLevel)
  if (!mayBeTheirs) return []
  const places = await placesOf(deps.prisma, id)
  const theirs = places.filter(({ userId }) => userId === caller.user.id)
  return [...live(theirs), ...(includeCreated ? reachable(theirs) : [])]
}

/** A workspace where a user-level key may have made others. */
export interface Elsewhere {
  readonly there: WorkspaceTransaction
  /** Undefined: who revokes the key is not accepted there. */
  readonly caller: Caller | undefined
}

/**
 * The other workspaces of a user-level key's owner that know it, also those where it has ended, with
 * what who revokes it is there. To be asked before it is ended.
 */
export async function findElsewhere(
  c: CallerTransaction,
  others: readonly WorkspaceTransaction[],
  { id, ownerId }: Pick<KeyRecord, 'id' | 'ownerId'>,
  address: string | undefined,
): Promise<Elsewhere[]> {
  await lockUsers(c, [ownerId])
  const ids = reachable(await placesOf(c.db, id))
  assertAllLocked([c, ...others], ids)
  const found: Elsewhere[] = []
  for (const there of others)
    if (ids.includes(there.workspace.id) && c.caller.kind !== 'ACCESS_TOKEN') {
      const caller = await callerElsewhere(c.db, c.caller, there.workspace.id, address)
      found.push({ there, caller })
    }
  return found
}

/**
 * Ends a user-level key wherever it lives, and for workspaces that its owner comes into later.
 *
 * @param changes of all the workspaces where it lives
 * @returns in how many it ended now
 */
export async function endEverywhere(
  [c, ...others]: readonly [WorkspaceTransaction, ...WorkspaceTransaction[]],
  { id, ownerId }: { readonly id: string; readonly ownerId: string },
  revocation: Revocation,
): Promise<number> {
  await lockUsers(c, [ownerId])
  const ids = live(await placesOf(c.db, id))
  assertAllLocked([c, ...others], ids)
  await c.db.userLegacyKey.updateMany({
    where: { id, revokedAt: null },
    data: { revokedAt: c.now },
  })
  for (const there of [c, ...others]) {
    if (!ids.includes(there.workspace.id)) continue
    const key = { workspaceId_id: { workspaceId: there.workspace.id, id } }
    await revokeKeys(there, [await c.db.apiKey.findUniqueOrThrow({ where: key })], revocation)
  }
  return ids.length
}

/**
 * Ends a user-level key everywhere, on behalf of the operator.
 *
 * @returns in how many workspaces it ended now; none when it was revoked before
 * @throws UserInputError NOT_FOUND when no user-level key has that id
 */
export const revokeUserLevelKey = (deps: Deps, id: string): Promise<number> =>
  retryWithLocks(
    async () => (await placesOf(deps.prisma, id)).map(({ workspaceId }) => workspaceId),
    async ([first, ...others]) => {
      const key = await deps.prisma.userLegacyKey.findUnique({ where: { id } })
      if (key === null || first === undefined)
        throw userError('NOT_FOUND', null, `There is no user-level key ${JSON.stringify(id)}.`)
      const revocation = { revokedById: null, reason: 'revoked by the operator' }
      return asOperator(
        deps,
        first,
        (c, there) => endEverywhere([c, ...there], { id, ownerId: key.userId }, revocation),
        { others },
      )
    },
  )
