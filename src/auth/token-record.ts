import { prepared } from '../db/prepared.ts'
import { Prisma } from '../generated/prisma/client.ts'
import {
  type KeyRecord,
  keyColumns,
  keyJoins,
  liveSpaces,
  type Presented,
  type Queryable,
  rightsOf,
  type WorkspaceSize,
} from './key-record.ts'
import { cutRights, type Declared, type Rights } from './policy.ts'

/** What a token was minted with: what its key could do then. */
export interface TokenSnapshot {
  /** Held anywhere, aliases expanded. */
  readonly permissions: readonly string[]
  readonly allSpaces: boolean
  readonly spaceIds: readonly string[]
  /** By space id, what was held there where it was less than the per-space ones of `permissions`. */
  readonly narrowings: Readonly<Record<string, string[]>>
}

/** A token with its key, and everything that decides what it may do, as of one moment. */
export interface PresentedToken extends Presented, WorkspaceSize {
  readonly tokenId: string
  readonly tokenFamilyId: string
  readonly tokenFamilyExpiresAt: Date
  /** Not later than the end of the secret that minted it. */
  readonly tokenExpiresAt: Date
  /** Of the secret that minted it; null: not known. */
  readonly tokenSecretId: string | null
  /** When that one ends, or ended; null: it is the current one. */
  readonly tokenSecretEndsAt: Date | null
  readonly tokenRevokedAt: Date | null
  /** Of its spaces those that are not deleted. */
  readonly tokenSnapshot: TokenSnapshot
  readonly tokenAudience: readonly string[]
}

/** Selects the ids of a token's spaces, as a column `t."spaceIds"`, that are not deleted and fulfil the condition on `named.id`. */
export const liveTokenSpacesWhere = (condition: Prisma.Sql): Prisma.Sql => Prisma.sql`
  SELECT ts.id FROM unnest(t."spaceIds") AS named (id)
    JOIN "Space" ts ON ts."workspaceId" = t."workspaceId" AND ts.id = named.id
   WHERE ts."deletedAt" IS NULL AND ${condition}`

/** The ids of a token's spaces, as a column `t."spaceIds"`, that are not deleted. */
const liveTokenSpaces = Prisma.sql`ARRAY(${liveTokenSpacesWhere(Prisma.sql`TRUE`)} ORDER BY ts.id)`

/** The secret `ms` that minted the token `t`, or the first of its family; none where it is not known. */
const mintingSecret = Prisma.sql`
  LEFT JOIN "ApiKeySecret" ms ON ms."workspaceId" = t."workspaceId" AND ms.id = t."secretId"`

/** When the token `t` ends, with `mintingSecret`; its key's end is another one. */
const tokenExpiry = Prisma.sql`least(t."expiresAt", ms."endsAt")`

/** Everything of a token `t` that decides what it may do. */
export const presentedTokens = Prisma.sql`${keyColumns}, ${liveSpaces}, t."rotatedAt" AS "replacedAt", t.id AS "tokenId",
       t."familyId" AS "tokenFamilyId", t."familyExpiresAt" AS "tokenFamilyExpiresAt",
       ${tokenExpiry} AS "tokenExpiresAt", t."revokedAt" AS "tokenRevokedAt",
       t."secretId" AS "tokenSecretId", ms."endsAt" AS "tokenSecretEndsAt",
       t.audience AS "tokenAudience",
       json_build_object('permissions', t.permissions, 'allSpaces', t."allSpaces",
         'spaceIds', ${liveTokenSpaces}, 'narrowings', t.narrowings) AS "tokenSnapshot"
  FROM "AccessToken" t ${mintingSecret}
  JOIN "ApiKey" k ON k."workspaceId" = t."workspaceId" AND k.id = t."keyId" ${keyJoins}`

/** The token of that id. One statement, so that rows and epoch agree. */
export async function findToken(
  db: Queryable,
  workspaceId: string,
  tokenId: string,
): Promise<PresentedToken | undefined> {
  const rows = await db.$queryRaw<PresentedToken[]>`
    SELECT ${prepared} ${presentedTokens} WHERE t."workspaceId" = ${workspaceId} AND t.id = ${tokenId}`
  return rows[0]
}

/** The tokens of these ids. */
export const findTokens = (
  db: Queryable,
  workspaceId: string,
  tokenIds: readonly string[],
): Promise<PresentedToken[]> => db.$queryRaw<PresentedToken[]>`
  SELECT ${presentedTokens} WHERE t."workspaceId" = ${workspaceId} AND t.id = ANY(${tokenIds}::text[])`

/** What a token was minted with, as a declaration that cuts its key's rights. */
export const declaredBySnapshot = (snapshot: TokenSnapshot): Declared => ({
  permissions: snapshot.permissions,
  allSpaces: snapshot.allSpaces,
  grants: new Map(snapshot.spaceIds.map((id) => [id, snapshot.narrowings[id] ?? null])),
})

/** What a token may do now: what it was minted with, cut by what its key can do now. */
export const tokenRightsOf = (key: KeyRecord, snapshot: TokenSnapshot): Rights =>
  cutRights(rightsOf(key), declaredBySnapshot(snapshot))
