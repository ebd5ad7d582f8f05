import { Prisma } from '../generated/prisma/client.ts'
import {
  keyColumns,
  keyJoins,
  liveSpaces,
  type PresentedKey,
  type Queryable,
  type WorkspaceSize,
} from './key-record.ts'

/** That of a user-level key's owner's memberships `own` one is meant. */
const isMeant = (named: string | undefined): Prisma.Sql =>
  named === undefined
    ? Prisma.sql`own."removedAt" IS NULL`
    : Prisma.sql`(w.id = ${named} OR w.slug = ${named})`

/**
 * What the user-level key with a secret of this hash is in the workspace of that id or slug, also
 * where its owner is a member no more; or, where none is named, in each of its owner's workspaces.
 * Those where it has not been revoked come first. One statement, so that rows and epochs agree.
 */
export const findUserLevelKeys = (
  db: Queryable,
  hash: Uint8Array<ArrayBuffer>,
  named: string | undefined,
): Promise<(PresentedKey & WorkspaceSize)[]> => db.$queryRaw<(PresentedKey & WorkspaceSize)[]>`
  SELECT ${keyColumns}, ${liveSpaces}, NULL AS "secretId", NULL AS "originId", NULL::timestamptz AS "replacedAt", TRUE AS "isLegacySecret",
         FALSE AS "isFirstUse"
    FROM "UserLegacyKey" ul
    JOIN "Member" own ON own."userId" = ul."userId"
    JOIN "ApiKey" k ON k."workspaceId" = own."workspaceId" AND k.id = ul.id ${keyJoins}
   WHERE ul.hash = ${hash} AND ${isMeant(named)}
   ORDER BY k."revokedAt" IS NOT NULL, k."workspaceId"`

/** Whether a user-level key has, or had, a secret of this hash, and was revoked everywhere. */
export async function findUserLevelSecret(
  db: Queryable,
  hash: Uint8Array<ArrayBuffer>,
): Promise<{ readonly isRevoked: boolean } | undefined> {
  const rows = await db.$queryRaw<{ isRevoked: boolean }[]>`
    SELECT "revokedAt" IS NOT NULL AS "isRevoked" FROM "UserLegacyKey" WHERE hash = ${hash}`
  return rows[0]
}
