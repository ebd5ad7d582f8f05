import type { Caller } from '../../auth/caller.ts'
import { delegationErrors, fullTerms } from '../../auth/delegation.ts'
import {
  effectiveExpiry,
  findKeyRecords,
  type KeyRecord,
  type Queryable,
} from '../../auth/key-record.ts'
import { type ApiKeySecret, Prisma, type UserLegacyKey } from '../../generated/prisma/client.ts'
import { isIdOf } from '../../ids.ts'
import { nameKey } from '../../input/text.ts'
import { assertAllLocked, lockUsers } from '../../transactions/retry-with-locks.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { isWithinKeyRole } from '../api-key/find-key-for-update.ts'
import { isReadableKey } from '../api-key/key-name.ts'
import { findKeyCapacity } from '../api-key/live-keys.ts'
import { findReachedSpaces } from '../space/live-spaces.ts'
import type { ParsedKey } from './legacy-key.input.ts'
import {
  hashText,
  type ImportContext,
  type KnownKey,
  type NameHolder,
  nameSlot,
  type Owner,
} from './plan-import.ts'

/** A transaction that imports keys, and on whose behalf; a caller imports into one workspace. */
export interface Import extends Pick<ImportContext, 'level' | 'caller'> {
  /** Of the workspace; for user-level keys of every workspace of their owners. */
  readonly changes: readonly [WorkspaceTransaction, ...WorkspaceTransaction[]]
}

type Hashes = readonly Uint8Array<ArrayBuffer>[]

/** Any number that no other advisory lock has. */
const secretsLock = 72_707_370

/**
 * Locks the secrets that imports look up and store, after the locks of workspaces and users. Imports
 * into workspaces share the lock, for there a hash is one row; those of user-level keys, which are in
 * another table, hold it alone.
 */
async function lockSecrets({ level, changes: [{ db }] }: Import): Promise<void> {
  const mode = level === 'workspace' ? Prisma.sql`_shared` : Prisma.empty
  await db.$executeRaw`SELECT pg_advisory_xact_lock${mode}(${secretsLock})`
}

export const isPastSunset = ({
  workspace: { legacyKeySunsetAt: sunset },
  now,
}: WorkspaceTransaction): boolean => sunset !== null && sunset <= now

/** Finds those of the users who are members of the workspace, or where none is given of any. */
export const findOwners = (
  db: Queryable,
  userIds: readonly string[],
  workspaceId?: string,
): Promise<Owner[]> => db.$queryRaw<Owner[]>`
  SELECT u.id, u.kind::text AS kind, array_agg(m."workspaceId") AS "workspaceIds"
    FROM "Member" m JOIN "User" u ON u.id = m."userId"
   WHERE m."userId" = ANY(${userIds.filter((id) => isIdOf('usr', id))}::text[])
     AND m."removedAt" IS NULL
     AND ${workspaceId === undefined ? Prisma.sql`TRUE` : Prisma.sql`m."workspaceId" = ${workspaceId}`}
   GROUP BY u.id`

/** That a column `hash` is one of these: one parameter, as for rows that are inserted. */
const isOneOf = (hashes: Hashes): Prisma.Sql => Prisma.sql`
  hash IN (SELECT decode(text, 'base64') FROM unnest(${hashes.map(hashText)}::text[]) AS given (text))`

/** Finds the user-level keys with these hashes, and whether each lives in one of the workspaces. */
export const findUserLevelSecrets = (
  db: Queryable,
  hashes: Hashes,
  workspaceIds: readonly string[] = [],
) => db.$queryRaw<(Pick<UserLegacyKey, 'hash' | 'id' | 'userId'> & { readonly isLive: boolean })[]>`
  SELECT hash, id, "userId", EXISTS (
           SELECT 1 FROM "ApiKey" k
            WHERE k."workspaceId" = ANY(${workspaceIds}::text[]) AND k.id = ul.id
              AND k."revokedAt" IS NULL) AS "isLive"
    FROM "UserLegacyKey" ul WHERE ${isOneOf(hashes)}`

/** Whether the caller could be given the key with its secret. */
const mayBeGiven = (caller: Caller, key: KeyRecord): boolean =>
  (key.ownerId === caller.user.id || key.ownerKind === 'MACHINE') &&
  isWithinKeyRole({ caller }, key.ownerId) &&
  delegationErrors(caller, key).length === 0

/**
 * Finds the known ones of the secrets, by `hashText`. Who knows that a secret is a key's can do what
 * that key can: a caller sees only those that they could be given, in this workspace; that any other
 * is taken shows when it is stored. The operator sees all.
 */
async function findSecrets(
  { level, caller, changes: [{ db, workspace }] }: Import,
  hashes: Hashes,
  workspaceIds: readonly string[],
): Promise<ReadonlyMap<string, KnownKey | null>> {
  const isSeen = caller === null ? Prisma.sql`TRUE` : Prisma.sql`"workspaceId" = ${workspace.id}`
  const secrets = await db.$queryRaw<
    Pick<ApiKeySecret, 'hash' | 'workspaceId' | 'keyId' | 'endsAt'>[]
  >`SELECT hash, "workspaceId", "keyId", "endsAt" FROM "ApiKeySecret"
     WHERE ${isOneOf(hashes)} AND ${isSeen}`
  const ids = secrets.filter((it) => it.workspaceId === workspace.id).map(({ keyId }) => keyId)
  const keys = new Map((await findKeyRecords(db, workspace.id, ids)).map((key) => [key.id, key]))
  const known = new Map<string, KnownKey | null>()
  for (const { hash, keyId, endsAt } of secrets) {
    const key = keys.get(keyId)
    if (caller !== null && (key === undefined || !mayBeGiven(caller, key))) continue
    const isSame = level === 'workspace' && key?.legacy && key.revokedAt === null && endsAt === null
    known.set(hashText(hash), isSame ? key : null)
  }
  if (caller !== null) return known
  for (const { hash, id, userId, isLive } of await findUserLevelSecrets(db, hashes, workspaceIds)) {
    const isSame = level === 'user' && isLive
    known.set(hashText(hash), isSame ? { ...fullTerms(userId), id } : null)
  }
  return known
}

/** Finds the keys that have these names, by `nameSlot`. */
async function findNames(
  { caller, changes: [{ db }] }: Import,
  owners: readonly Owner[],
  nameKeys: readonly string[],
): Promise<ReadonlyMap<string, NameHolder>> {
  const rows = await db.$queryRaw<(NameHolder & { ownerId: string; nameKey: string })[]>`
    SELECT k.id, k."workspaceId", k."ownerId", k."nameKey",
           coalesce(${effectiveExpiry} <= clock_timestamp(), FALSE) AS "isExpired",
           (${isReadableKey(caller)}) AS "isReadable"
      FROM "ApiKey" k JOIN "Workspace" w ON w.id = k."workspaceId"
     WHERE k."workspaceId" = ANY(${[...new Set(owners.flatMap((it) => it.workspaceIds))]}::text[])
       AND k."ownerId" = ANY(${owners.map(({ id }) => id)}::text[])
       AND k."nameKey" = ANY(${[...new Set(nameKeys)]}::text[])`
  return new Map(rows.map((row) => [nameSlot(row.workspaceId, row.ownerId, row.nameKey), row]))
}

/** Reads the context of all keys of an import together, and takes the locks that it needs. */
export async function readImportContext(
  target: Import,
  keys: readonly ParsedKey[],
): Promise<ImportContext> {
  const { level, caller, changes } = target
  const [c] = changes
  const ownerIds = keys.map(({ input }) => input.ownerId).filter((id) => isIdOf('usr', id))
  if (level === 'user') await lockUsers(c, ownerIds)
  const owners = await findOwners(
    c.db,
    ownerIds,
    level === 'workspace' ? c.workspace.id : undefined,
  )
  const workspaceIds = owners.flatMap((owner) => owner.workspaceIds)
  assertAllLocked(changes, workspaceIds)
  await lockSecrets(target)
  const spaceIds = new Set(keys.flatMap(({ input }) => input.spaceIds ?? []))
  const wellFormed = keys.filter(({ problems }) => !problems.any)
  const hashes = wellFormed.map(({ secret }) => secret.hash)
  const nameKeys = wellFormed.map(({ name }) => nameKey(name))
  return {
    level,
    caller,
    owners: new Map(owners.map((owner) => [owner.id, owner])),
    pastSunset: new Set(changes.filter(isPastSunset).map(({ workspace }) => workspace.id)),
    spaces: await findReachedSpaces({ ...c, caller }, [...spaceIds]),
    secrets: await findSecrets(target, hashes, workspaceIds),
    names: await findNames(target, owners, nameKeys),
    // User-level keys do not count: no plan keeps them out.
    capacity: level === 'user' ? Infinity : await findKeyCapacity(c),
  }
}
