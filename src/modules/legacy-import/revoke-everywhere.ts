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
import { revokeDescendants } from '../api-key/revoke-descendants.ts'
import { type Revocation, revokeKeys } from '../api-key/revoke-keys.ts'

/**
 * Whether a revocation ends a key in every workspace: of a user-level key by itself, or by its
 * owner's sign-in. Anybody else decides for their own workspace alone.
 */
export const revokesEverywhere = (
  caller: Caller,
  key: Pick<KeyRecord, 'id' | 'ownerId' | 'userLevel'>,
): boolean => key.userLevel && (isKeyItself(caller, key.id) || isSignInOf(caller, key.ownerId))

/** A workspace that knows a user-level key. */
interface Place {
  readonly keyId: string
  readonly workspaceId: string
  readonly userId: string
  /** The name of the key there. */
  readonly name: string
  /** Whether the key is not revoked there. */
  readonly isLive: boolean
  /** Whether its owner is a member there: what the key made is theirs to revoke. */
  readonly isPresent: boolean
}

const findPlaces = (db: Queryable, ids: readonly string[]): Promise<Place[]> => db.$queryRaw<
  Place[]
>`
  SELECT k.id AS "keyId", k."workspaceId", ul."userId", k.name, k."revokedAt" IS NULL AS "isLive",
         m."removedAt" IS NULL AS "isPresent"
    FROM "UserLegacyKey" ul
    JOIN "Member" m ON m."userId" = ul."userId"
    JOIN "ApiKey" k ON k."workspaceId" = m."workspaceId" AND k.id = ul.id
   WHERE ul.id = ANY(${ids}::text[]) ORDER BY k."workspaceId", k.id`

/** Finds the workspaces to lock for a revocation of these keys by the caller, besides their own. */
export async function otherWorkspacesOf(
  { deps, caller }: ServiceContext,
  ids: readonly string[],
  includeCreated: boolean,
): Promise<string[]> {
  const own = ids.filter(
    (id) =>
      caller.kind === 'HUMAN' ||
      (caller.kind === 'API_KEY' && caller.key.id === id && caller.isUserLevel),
  )
  if (own.length === 0) return []
  return (await findPlaces(deps.prisma, own))
    .filter(({ userId }) => userId === caller.user.id)
    .filter(({ isLive, isPresent }) => isLive || (includeCreated && isPresent))
    .map(({ workspaceId }) => workspaceId)
}

type Changes = readonly [WorkspaceTransaction, ...WorkspaceTransaction[]]
type UserLevelKey = Pick<KeyRecord, 'id' | 'ownerId'>
type KeyInPlace = Pick<KeyRecord, 'id' | 'name'>

/** Finds the workspaces of user-level keys, under the locks of their owners, with the keys in each. */
async function lockPlaces(
  changes: Changes,
  keys: readonly UserLevelKey[],
  wanted: 'isLive' | 'isPresent',
): Promise<{ readonly there: WorkspaceTransaction; readonly keys: readonly KeyInPlace[] }[]> {
  const [c] = changes
  await lockUsers(c, [...new Set(keys.map(({ ownerId }) => ownerId))])
  const ids = keys.map(({ id }) => id)
  const places = (await findPlaces(c.db, ids)).filter((place) => place[wanted])
  const byWorkspace = Map.groupBy(places, ({ workspaceId }) => workspaceId)
  assertAllLocked(changes, [...byWorkspace.keys()])
  return changes.flatMap((there) => {
    const found = byWorkspace.get(there.workspace.id)
    if (found === undefined) return []
    return { there, keys: found.map(({ keyId, name }) => ({ id: keyId, name })) }
  })
}

/**
 * Ends user-level keys wherever they live, and for workspaces that their owners join later.
 *
 * @param changes a transaction of each of those workspaces
 * @returns in how many workspaces
 */
export async function endEverywhere(
  changes: Changes,
  keys: readonly UserLevelKey[],
  revocation: Revocation,
): Promise<number> {
  const [{ db, now }] = changes
  const places = await lockPlaces(changes, keys, 'isLive')
  const id = { in: keys.map((key) => key.id) }
  await db.userLegacyKey.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: now } })
  for (const { there, keys: ending } of places) await revokeKeys(there, ending, revocation)
  return places.length
}

/**
 * Ends a user-level key in every workspace, on behalf of itself or its owner, and with
 * `includeCreated` what it made in the others; in the caller's own workspace that is not done here.
 *
 * @returns how many keys ended, a user-level one counted once
 * @throws RequestError FORBIDDEN where the caller may not revoke one of them
 */
export async function revokeEverywhere(
  c: CallerTransaction,
  others: readonly WorkspaceTransaction[],
  key: UserLevelKey,
  revocation: Revocation,
  { includeCreated, address }: { includeCreated: boolean; address: string | undefined },
): Promise<number> {
  const { db, caller } = c
  const changes = [c, ...others] as const
  const places = includeCreated ? await lockPlaces(changes, [key], 'isPresent') : []
  const elsewhere: (readonly [WorkspaceTransaction, Caller | undefined])[] = []
  // What the caller may do there is read before the key ends.
  for (const { there } of places)
    if (there !== c && caller.kind !== 'ACCESS_TOKEN')
      elsewhere.push([there, await callerElsewhere(db, caller, there.workspace.id, address)])
  let count = Math.min(await endEverywhere(changes, [key], revocation), 1)
  for (const [there, callerThere] of elsewhere)
    count += await revokeDescendants(there, callerThere, { keyId: key.id }, revocation)
  return count
}

/**
 * Ends a user-level key everywhere, on behalf of the operator.
 *
 * @returns in how many workspaces it ended now; none when it was revoked before
 * @throws UserInputError NOT_FOUND when no user-level key has that id
 */
export const revokeUserLevelKey = (deps: Deps, id: string): Promise<number> =>
  retryWithLocks(
    async () => (await findPlaces(deps.prisma, [id])).map(({ workspaceId }) => workspaceId),
    async ([first, ...others]) => {
      const key = await deps.prisma.userLegacyKey.findUnique({ where: { id } })
      if (key === null || first === undefined)
        throw userError('NOT_FOUND', null, `There is no user-level key ${JSON.stringify(id)}.`)
      const revocation = { revokedById: null, reason: 'revoked by the operator' }
      const end = (c: WorkspaceTransaction, there: readonly WorkspaceTransaction[]) =>
        endEverywhere([c, ...there], [{ id, ownerId: key.userId }], revocation)
      return asOperator(deps, first, end, { others })
    },
  )
