import type { Caller } from '../../auth/caller.ts'
import { effectiveExpiry } from '../../auth/key-record.ts'
import { onlyOwnKeys } from '../../auth/roles.ts'
import { liveTokenSpacesWhere, mintingSecret, tokenExpiry } from '../../auth/token-record.ts'
import { all, equalsId, isNoneOf } from '../../db/conditions.ts'
import { type AccessToken, Prisma } from '../../generated/prisma/client.ts'
import { visibleKeys } from '../api-key/api-key.queries.ts'

export type AccessTokenStatus = 'ACTIVE' | 'ROTATED' | 'EXPIRED' | 'REVOKED'

/** A token as it is shown, as of one moment of the database. */
export interface AccessTokenRow extends Omit<AccessToken, 'narrowings' | 'secretId' | 'spaceIds'> {
  readonly keyName: string
  readonly ownerId: string
  readonly lastUsedAt: Date | null
  readonly lastUsedIp: string | null
  readonly status: AccessTokenStatus
}

const status = Prisma.sql`CASE
  WHEN t."revokedAt" IS NOT NULL THEN 'REVOKED'
  WHEN least(${tokenExpiry}, ${effectiveExpiry}) <= clock_timestamp() THEN 'EXPIRED'
  WHEN t."rotatedAt" IS NOT NULL THEN 'ROTATED' ELSE 'ACTIVE' END`

/** The listed table of tokens with their keys, and what is shown of them. */
export const accessTokens = {
  from: Prisma.sql`"AccessToken" t
    JOIN "ApiKey" k ON k."workspaceId" = t."workspaceId" AND k.id = t."keyId"
    JOIN "Workspace" w ON w.id = t."workspaceId" ${mintingSecret}
    LEFT JOIN "AccessTokenUsage" us ON us."workspaceId" = t."workspaceId" AND us."tokenId" = t.id`,
  alias: Prisma.sql`t`,
  columns: Prisma.sql`t."workspaceId", t.id, t."keyId", t."familyId", t."familyExpiresAt",
    t."predecessorId", t.permissions, t."allSpaces", t.audience,
    t."createdAt", t."expiresAt", t."rotatedAt", t."revokedAt", k.name AS "keyName", k."ownerId",
    us."lastUsedAt", us."lastUsedIp", ${status} AS status`,
}

/** A token sees itself, a key its own, and a person who has signed in those of every key of theirs. */
const isItselfOrTheirs = (caller: Caller): Prisma.Sql => {
  if (caller.kind === 'HUMAN') return Prisma.sql`k."ownerId" = ${caller.user.id}`
  if (caller.kind === 'ACCESS_TOKEN') return Prisma.sql`t.id = ${caller.tokenId}`
  return Prisma.sql`t."keyId" = ${caller.key.id}`
}

/**
 * The tokens that the caller sees: with all spaces every one; else those that name only spaces
 * within reach, those for all spaces of their own user by a credential for all spaces, and their
 * own. Of these, only their own user's where the role's permissions on tokens end there.
 */
export function visibleTokens(caller: Caller): Prisma.Sql {
  const { workspaceId, rights, user } = caller
  const conditions = [Prisma.sql`t."workspaceId" = ${workspaceId}`]
  if (onlyOwnKeys(user.role)) conditions.push(Prisma.sql`k."ownerId" = ${user.id}`)
  if (!rights.allSpaces)
    conditions.push(Prisma.sql`(${isItselfOrTheirs(caller)}
      OR (NOT t."allSpaces" AND NOT EXISTS (${liveTokenSpacesWhere(
        isNoneOf(Prisma.sql`named.id`, [...rights.spaces.keys()]),
      )}))
      OR (t."allSpaces" AND ${caller.allSpaces} AND k."ownerId" = ${user.id}))`)
  return all(conditions)
}

/** What a list of tokens is narrowed by. */
export interface AccessTokenFilter {
  readonly status?: AccessTokenStatus | null | undefined
  readonly apiKeyId?: string | null | undefined
  readonly ownerId?: string | null | undefined
}

/** The tokens of a key, if it is the caller's own or one that they see. */
function tokensOf(caller: Caller, keyId: string): Prisma.Sql {
  if (caller.key?.id === keyId) return Prisma.sql`t."keyId" = ${keyId}`
  return Prisma.sql`t."keyId" IN (
    SELECT k.id FROM "ApiKey" k WHERE ${visibleKeys(caller)} AND ${equalsId(Prisma.sql`k.id`, keyId)})`
}

export function accessTokenFilter(caller: Caller, filter: AccessTokenFilter): Prisma.Sql {
  const conditions: Prisma.Sql[] = []
  if (filter.status) conditions.push(Prisma.sql`${status} = ${filter.status}`)
  if (typeof filter.apiKeyId === 'string') conditions.push(tokensOf(caller, filter.apiKeyId))
  if (typeof filter.ownerId === 'string')
    conditions.push(equalsId(Prisma.sql`k."ownerId"`, filter.ownerId))
  return all(conditions)
}
