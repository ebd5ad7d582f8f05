import type { Caller } from '../../auth/caller.ts'
import { delegationErrors, type KeySettings } from '../../auth/delegation.ts'
import { effectiveExpiry, findKeyRecords, type KeyRecord } from '../../auth/key-record.ts'
import { type ApiKeySecret, Prisma, type UserLegacyKey } from '../../generated/prisma/client.ts'
import { isIdOf } from '../../ids.ts'
import { limitsOf } from '../../limits/plans.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { isWithinKeyRole } from '../api-key/find-key-for-update.ts'
import { isReadableKey } from '../api-key/key-name.ts'
import { countLiveKeys } from '../api-key/live-keys.ts'
import { findReachedSpaces } from '../space/live-spaces.ts'
import { lockLegacySecrets } from './legacy-secrets.ts'

export type OwnerKind = KeySettings['ownerKind']

/** A change that imports keys, on behalf of a caller or of the operator. */
export interface ImportChange extends WorkspaceTransaction {
  /** Who must be able to grant the keys; null: the operator, who may import any, for any member. */
  readonly caller: Caller | null
}

/** A key that has a name among those of its owner. */
interface NameHolder {
  readonly id: string
  /** Whether it holds the name no longer, and would lose it to one that takes it. */
  readonly isExpired: boolean
  /** Whether the caller may read it. */
  readonly isReadable: boolean
}

/** An imported key that can be what another import of its secret asks for. */
export interface Known {
  readonly id: string
  readonly terms: KeySettings
}

/** What of the workspace, and beyond it, keys that are to be imported are held against. */
export interface Surroundings {
  /** The present members among the named owners, by user id. */
  readonly owners: ReadonlyMap<string, OwnerKind>
  /** The named spaces that the caller reaches; for the operator every one that is there. */
  readonly spaces: ReadonlySet<string>
  /**
   * The given hashes that are known, as text, as far as it may be told: of which imported key here;
   * null: of anything else.
   */
  readonly secrets: ReadonlyMap<string, Known | null>
  /** The given names that are taken, by `nameSlot`. */
  readonly names: ReadonlyMap<string, NameHolder>
  /** How many live keys more the plan allows. */
  readonly room: number
}

/** What is named by the keys of an import, all together. */
export interface Named {
  readonly ownerIds: readonly string[]
  readonly spaceIds: readonly string[]
  readonly hashes: readonly Uint8Array<ArrayBuffer>[]
  readonly nameKeys: readonly string[]
}

/** A hash as text, to find it by. */
export const hashText = (hash: Uint8Array): string => Buffer.from(hash).toString('base64')

/** A name among those of one owner. */
export const nameSlot = (ownerId: string, key: string): string => `${ownerId} ${key}`

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)]

async function findOwners({ db, workspace }: ImportChange, ids: readonly string[]) {
  const members = await db.member.findMany({
    where: {
      workspaceId: workspace.id,
      userId: { in: distinct(ids).filter((id) => isIdOf('usr', id)) },
      removedAt: null,
    },
    select: { userId: true, user: { select: { kind: true } } },
  })
  return new Map(members.map(({ userId, user }) => [userId, user.kind]))
}

/** Whether the caller could be given the key with its secret. */
const mayBeGiven = (caller: Caller, key: KeyRecord): boolean =>
  (key.ownerId === caller.user.id || key.ownerKind === 'MACHINE') &&
  isWithinKeyRole({ caller }, key.ownerId) &&
  delegationErrors(caller, key).length === 0

const isImported = ({ legacy, revokedAt }: KeyRecord): boolean => legacy && revokedAt === null

/** That a column `hash` is one of these: one parameter, as for rows that are inserted. */
const isOneOf = (hashes: Named['hashes']): Prisma.Sql => Prisma.sql`
  hash IN (SELECT decode(text, 'base64') FROM unnest(${hashes.map(hashText)}::text[]) AS given (text))`

/** Those of the hashes that are user-level keys', as text. */
export async function findUserLevelHashes(
  { db }: ImportChange,
  hashes: Named['hashes'],
): Promise<ReadonlySet<string>> {
  const rows = await db.$queryRaw<Pick<UserLegacyKey, 'hash'>[]>`
    SELECT hash FROM "UserLegacyKey" WHERE ${isOneOf(hashes)}`
  return new Set(rows.map(({ hash }) => hashText(hash)))
}

/**
 * Who knows that a secret is a key's can do what that key can. So a caller is told of those alone
 * that they could be given, in this workspace; whether any other one is taken shows when it is stored.
 * The operator is told of all.
 */
async function findSecrets(
  c: ImportChange,
  hashes: Named['hashes'],
): Promise<ReadonlyMap<string, Known | null>> {
  const { db, workspace, caller } = c
  const isHere = Prisma.sql`"workspaceId" = ${workspace.id}`
  const known = await db.$queryRaw<
    Pick<ApiKeySecret, 'hash' | 'workspaceId' | 'keyId' | 'endsAt'>[]
  >`SELECT hash, "workspaceId", "keyId", "endsAt" FROM "ApiKeySecret"
     WHERE ${isOneOf(hashes)} AND ${caller === null ? Prisma.sql`TRUE` : isHere}`
  const ids = known.filter((it) => it.workspaceId === workspace.id).map(({ keyId }) => keyId)
  const keys = new Map((await findKeyRecords(db, workspace.id, ids)).map((key) => [key.id, key]))
  const told = known.flatMap(({ hash, keyId, endsAt }): [string, Known | null][] => {
    const key = keys.get(keyId)
    if (caller !== null && (key === undefined || !mayBeGiven(caller, key))) return []
    const isSame = key !== undefined && endsAt === null && isImported(key)
    return [[hashText(hash), isSame ? { id: key.id, terms: key } : null]]
  })
  const ofPeople = caller === null ? await findUserLevelHashes(c, hashes) : []
  return new Map([...told, ...[...ofPeople].map((text): [string, null] => [text, null])])
}

async function findNames(
  { db, workspace, caller }: ImportChange,
  ownerIds: readonly string[],
  nameKeys: readonly string[],
): Promise<ReadonlyMap<string, NameHolder>> {
  const rows = await db.$queryRaw<(NameHolder & { ownerId: string; nameKey: string })[]>`
    SELECT k.id, k."ownerId", k."nameKey",
           coalesce(${effectiveExpiry} <= clock_timestamp(), FALSE) AS "isExpired",
           (${isReadableKey(caller)}) AS "isReadable"
      FROM "ApiKey" k JOIN "Workspace" w ON w.id = k."workspaceId"
     WHERE k."workspaceId" = ${workspace.id}
       AND k."ownerId" = ANY(${ownerIds}::text[])
       AND k."nameKey" = ANY(${distinct(nameKeys)}::text[])`
  return new Map(rows.map((row) => [nameSlot(row.ownerId, row.nameKey), row]))
}

async function findRoom({ db, deps, workspace }: ImportChange): Promise<number> {
  const { keyLimit } = limitsOf(deps.limits.plans, workspace)
  return keyLimit === null ? Infinity : keyLimit - (await countLiveKeys(db, workspace.id))
}

/** Reads it for all keys of an import together, under the workspace's lock. */
export async function findSurroundings(c: ImportChange, named: Named): Promise<Surroundings> {
  const owners = await findOwners(c, named.ownerIds)
  await lockLegacySecrets(c, 'shared')
  return {
    owners,
    spaces: await findReachedSpaces(c, distinct(named.spaceIds)),
    secrets: await findSecrets(c, named.hashes),
    names: await findNames(c, [...owners.keys()], named.nameKeys),
    room: await findRoom(c),
  }
}
