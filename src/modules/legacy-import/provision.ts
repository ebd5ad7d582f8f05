import { fullTerms } from '../../auth/delegation.ts'
import type { UserLegacyKey } from '../../generated/prisma/client.ts'
import { maxNameLength, nameKey } from '../../input/text.ts'
import { assertAllLocked, lockUsers } from '../../transactions/retry-with-locks.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { findOwners } from './import-context.ts'
import { legacyKeyRow, recordImport } from './store-keys.ts'

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
 * Makes the user-level keys of a person work in a workspace that they have joined: those that live in
 * another one, or were never in any. One that was revoked in all of them stays revoked, and so does
 * one that was revoked here as they left.
 */
export async function provisionForWorkspace(
  c: WorkspaceTransaction,
  userId: string,
): Promise<void> {
  const { db, workspace } = c
  await lockUsers(c, [userId])
  const keys = await db.$queryRaw<
    Pick<UserLegacyKey, 'id' | 'name' | 'start' | 'last4' | 'createdAt'>[]
  >`SELECT ul.id, ul.name, ul.start, ul.last4, ul."createdAt" FROM "UserLegacyKey" ul
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
  const present = new Set(own.map(({ id }) => id))
  const taken = new Set(own.map((key) => key.nameKey))
  for (const key of keys) {
    if (present.has(key.id)) continue
    const name = freeName(key.name, taken)
    taken.add(nameKey(name))
    const entered = { ...key, name, level: 'user', terms: fullTerms(userId) } as const
    await db.apiKey.create({ data: { ...legacyKeyRow(c, entered), createdAt: key.createdAt } })
    recordImport(c, entered)
  }
}

/**
 * Gives the user-level keys of the user `from`, whose membership has just passed to the user `to`, to
 * that user, and makes all that are theirs now work in every workspace of theirs.
 *
 * @param others the other workspaces of `to`
 */
export async function reassignToUser(
  c: WorkspaceTransaction,
  others: readonly WorkspaceTransaction[],
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  const { db } = c
  await lockUsers(c, [from, to])
  const { count } = await db.userLegacyKey.updateMany({
    where: { userId: from },
    data: { userId: to },
  })
  await provisionForWorkspace(c, to)
  if (count === 0) return
  const present = (await findOwners(db, [to])).flatMap(({ workspaceIds }) => workspaceIds)
  assertAllLocked([c, ...others], present)
  for (const other of others)
    if (present.includes(other.workspace.id)) await provisionForWorkspace(other, to)
}
