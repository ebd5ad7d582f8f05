import type { UserLegacyKey } from '../../generated/prisma/client.ts'
import { maxNameLength, nameKey } from '../../input/text.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import { lockUsers } from '../../transactions/retry-with-locks.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'

/** What of a user-level key is the same in every workspace. */
export type UserLevelKey = Pick<
  UserLegacyKey,
  'id' | 'userId' | 'name' | 'start' | 'last4' | 'createdAt'
>

/** What a user-level key may do in a workspace: whatever its owner may. */
const terms = { permissions: ['*'], allSpaces: true }

/** The row by which a workspace knows a user-level key. It has no secret there. */
export const rowIn = ({ workspace, now }: WorkspaceTransaction, key: UserLevelKey) => ({
  workspaceId: workspace.id,
  id: key.id,
  ownerId: key.userId,
  name: key.name,
  nameKey: nameKey(key.name),
  start: key.start,
  last4: key.last4,
  legacy: true,
  userLevel: true,
  ...terms,
  allowedIps: [],
  createdAt: key.createdAt,
  updatedAt: now,
})

/** Tells the workspace of a user-level key that works in it from now on. */
export const recordEntry = (
  { record }: WorkspaceTransaction,
  { id, name, userId }: UserLevelKey,
): void =>
  record({
    action: 'api_key.imported',
    targetId: id,
    targetName: name,
    changes: changesBetween({}, { name, ownerId: userId, ...terms, userLevel: true }),
  })

/** The name, or where the owner has a live key of it, the first free one with a number behind it. */
function freeName(name: string, taken: ReadonlySet<string | null>): string {
  let free = name
  for (let number = 2; taken.has(nameKey(free)); number += 1) {
    const suffix = ` (${number})`
    free = [...name].slice(0, maxNameLength - suffix.length).join('') + suffix
  }
  return free
}

/**
 * Lets the user-level keys of a person into a workspace that they have come into: those that live on
 * somewhere, or have never been in any. One that was revoked wherever it was has come to its end, and
 * one that was revoked there once, when they left, stays so.
 */
export async function enterUserLevelKeys(c: WorkspaceTransaction, userId: string): Promise<void> {
  const { db, workspace } = c
  await lockUsers(c, [userId])
  const keys = await db.$queryRaw<UserLevelKey[]>`
    SELECT ul.id, ul."userId", ul.name, ul.start, ul.last4, ul."createdAt" FROM "UserLegacyKey" ul
     WHERE ul."userId" = ${userId} AND ul."revokedAt" IS NULL AND coalesce((
       SELECT bool_or(k."revokedAt" IS NULL) FROM "Member" m
         JOIN "ApiKey" k ON k."workspaceId" = m."workspaceId" AND k.id = ul.id
        WHERE m."userId" = ul."userId"), TRUE)
     ORDER BY ul.id`
  if (keys.length === 0) return
  const own = await db.apiKey.findMany({
    where: { workspaceId: workspace.id, ownerId: userId },
    select: { id: true, nameKey: true },
  })
  const there = new Set(own.map(({ id }) => id))
  const taken = new Set(own.map((key) => key.nameKey))
  for (const key of keys) {
    if (there.has(key.id)) continue
    const named = { ...key, name: freeName(key.name, taken) }
    taken.add(nameKey(named.name))
    await db.apiKey.create({ data: rowIn(c, named) })
    recordEntry(c, named)
  }
}
