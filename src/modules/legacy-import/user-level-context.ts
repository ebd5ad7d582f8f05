import { effectiveExpiry } from '../../auth/key-record.ts'
import type { Deps } from '../../deps.ts'
import { isIdOf } from '../../ids.ts'
import { assertAllLocked, lockUsers } from '../../transactions/retry-with-locks.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { hashText } from './import-context.ts'
import { lockLegacySecrets } from './legacy-secrets.ts'

/** A key that has a name among those of its owner in a workspace. */
export interface NameHolder {
  readonly workspaceId: string
  readonly ownerId: string
  readonly nameKey: string
  readonly id: string
  /** Whether it holds the name no longer, and would lose it to one that takes it. */
  readonly isExpired: boolean
}

export const nameSlot = (it: Pick<NameHolder, 'workspaceId' | 'ownerId' | 'nameKey'>): string =>
  JSON.stringify([it.workspaceId, it.ownerId, it.nameKey])

/** What user-level keys that are to be imported are held against. */
export interface Surroundings {
  readonly machines: ReadonlySet<string>
  /** By user id, the workspaces that a person is in. */
  readonly places: ReadonlyMap<string, readonly WorkspaceTransaction[]>
  /** By hash as text, whose user-level key has that secret; null: it is of another or of a revoked key. */
  readonly secrets: ReadonlyMap<string, string | null>
  readonly names: ReadonlyMap<string, NameHolder>
}

/** For owners who are in no workspace. */
export const nowhere: Surroundings = {
  machines: new Set(),
  places: new Map(),
  secrets: new Map(),
  names: new Map(),
}

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)]

/** The present memberships of these users, in any workspace. */
export async function findMemberships(
  db: WorkspaceTransaction['db'] | Deps['prisma'],
  userIds: readonly string[],
): Promise<
  { readonly workspaceId: string; readonly userId: string; readonly isPerson: boolean }[]
> {
  const rows = await db.member.findMany({
    where: { userId: { in: distinct(userIds).filter((id) => isIdOf('usr', id)) }, removedAt: null },
    select: { workspaceId: true, userId: true, user: { select: { kind: true } } },
  })
  return rows.map(({ user, ...row }) => ({ ...row, isPerson: user.kind === 'HUMAN' }))
}

/** What is named by the keys of an import, all together. */
interface Named {
  readonly ownerIds: readonly string[]
  readonly hashes: readonly Uint8Array<ArrayBuffer>[]
  readonly nameKeys: readonly string[]
}

/** Reads it for all keys of an import together, under the locks of their owners and workspaces. */
export async function findSurroundings(
  changes: readonly [WorkspaceTransaction, ...WorkspaceTransaction[]],
  { ownerIds, hashes, nameKeys }: Named,
): Promise<Surroundings> {
  const [c] = changes
  await lockUsers(c, ownerIds)
  const memberships = await findMemberships(c.db, ownerIds)
  const workspaceIds = distinct(memberships.map(({ workspaceId }) => workspaceId))
  assertAllLocked(changes, workspaceIds)
  await lockLegacySecrets(c, 'alone')
  const byId = new Map(changes.map((change) => [change.workspace.id, change]))
  const people = memberships.filter(({ isPerson }) => isPerson)
  const places = [...Map.groupBy(people, ({ userId }) => userId)].map(
    ([userId, theirs]): [string, WorkspaceTransaction[]] => [
      userId,
      theirs.flatMap(({ workspaceId }) => byId.get(workspaceId) ?? []),
    ],
  )
  return {
    machines: new Set(memberships.flatMap((it) => (it.isPerson ? [] : it.userId))),
    places: new Map(places),
    secrets: await findSecrets(c, workspaceIds, hashes),
    names: await findNames(c, workspaceIds, ownerIds, nameKeys),
  }
}

/** A key is revoked for good, or in each of the workspaces that its owner is in. */
async function findSecrets(
  { db }: WorkspaceTransaction,
  workspaceIds: readonly string[],
  hashes: Named['hashes'],
): Promise<ReadonlyMap<string, string | null>> {
  const where = { hash: { in: [...hashes] } }
  const ofWorkspaces = await db.apiKeySecret.findMany({ where, select: { hash: true } })
  const ofPeople = await db.userLegacyKey.findMany({
    where,
    select: { id: true, hash: true, userId: true },
  })
  const live = await db.apiKey.findMany({
    where: {
      id: { in: ofPeople.map(({ id }) => id) },
      workspaceId: { in: [...workspaceIds] },
      revokedAt: null,
    },
    select: { id: true },
  })
  const liveIds = new Set(live.map(({ id }) => id))
  return new Map<string, string | null>([
    ...ofWorkspaces.map(({ hash }): [string, null] => [hashText(hash), null]),
    ...ofPeople.map(({ id, hash, userId }): [string, string | null] => [
      hashText(hash),
      liveIds.has(id) ? userId : null,
    ]),
  ])
}

async function findNames(
  { db }: WorkspaceTransaction,
  workspaceIds: readonly string[],
  ownerIds: readonly string[],
  nameKeys: readonly string[],
): Promise<ReadonlyMap<string, NameHolder>> {
  const rows = await db.$queryRaw<NameHolder[]>`
    SELECT k.id, k."workspaceId", k."ownerId", k."nameKey",
           coalesce(${effectiveExpiry} <= clock_timestamp(), FALSE) AS "isExpired"
      FROM "ApiKey" k JOIN "Workspace" w ON w.id = k."workspaceId"
     WHERE k."workspaceId" = ANY(${workspaceIds}::text[])
       AND k."ownerId" = ANY(${distinct(ownerIds)}::text[])
       AND k."nameKey" = ANY(${distinct(nameKeys)}::text[])`
  return new Map(rows.map((row) => [nameSlot(row), row]))
}
