import type { Caller } from '../../auth/caller.ts'
import { effectiveExpiry, expiryWithoutPolicies } from '../../auth/key-record.ts'
import { namesCovering } from '../../auth/permissions.ts'
import { reaches } from '../../auth/policy.ts'
import { onlyOwnKeys } from '../../auth/roles.ts'
import { all, compareInstant, contains, equalsId, isNoneOf, isThere } from '../../db/conditions.ts'
import { type ApiKey, Prisma } from '../../generated/prisma/client.ts'

/** A key as it is shown, as of one moment of the database. */
export interface ApiKeyRow extends ApiKey {
  readonly effectiveExpiresAt: Date | null
  readonly previousSecretExpiresAt: Date | null
  readonly lastUsedAt: Date | null
  readonly lastUsedIp: string | null
  readonly status: ApiKeyStatus
}

export type ApiKeyStatus = 'ACTIVE' | 'DISABLED' | 'EXPIRED' | 'REVOKED'

const isExpired = Prisma.sql`coalesce(${effectiveExpiry} <= clock_timestamp(), FALSE)`

/** Neither revoked nor expired; a disabled key is live. */
export const isLive = Prisma.sql`(k."revokedAt" IS NULL AND NOT ${isExpired})`

/** Live and not disabled: it is let in, as far as it itself decides that. */
export const isAccepted = Prisma.sql`(${isLive} AND k."disabledAt" IS NULL)`

/**
 * Neither revoked nor past its own expiry: live, or live again once the lifetime policy is relaxed or
 * the sunset of legacy keys moved.
 */
export const mayLive = Prisma.sql`(k."revokedAt" IS NULL
  AND coalesce(${expiryWithoutPolicies} > clock_timestamp(), TRUE))`

const status = Prisma.sql`CASE
  WHEN k."revokedAt" IS NOT NULL THEN 'REVOKED' WHEN ${isExpired} THEN 'EXPIRED'
  WHEN k."disabledAt" IS NOT NULL THEN 'DISABLED' ELSE 'ACTIVE' END`

/** The listed table of keys, with what is shown of them. */
export const apiKeys = {
  from: Prisma.sql`"ApiKey" k JOIN "Workspace" w ON w.id = k."workspaceId"
    LEFT JOIN "ApiKeyUsage" us ON us."workspaceId" = k."workspaceId" AND us."keyId" = k.id`,
  alias: Prisma.sql`k`,
  columns: Prisma.sql`k.*, us."lastUsedAt", us."lastUsedIp",
    ${effectiveExpiry} AS "effectiveExpiresAt", ${status} AS status,
    CASE WHEN ${isLive} THEN (
      SELECT least(max(o."endsAt"), ${effectiveExpiry}) FROM "ApiKeySecret" o
       WHERE o."workspaceId" = k."workspaceId" AND o."keyId" = k.id
         AND o."endsAt" > clock_timestamp()) END AS "previousSecretExpiresAt"`,
}

function reachesAllItNames({ rights }: Caller): Prisma.Sql {
  const spaceId = Prisma.sql`g."spaceId"`
  const outside = Prisma.sql`g."workspaceId" = k."workspaceId" AND g."keyId" = k.id
    AND ${isNoneOf(spaceId, [...rights.spaces.keys()])}`
  return Prisma.sql`NOT ${isThere(Prisma.sql`"SpaceGrant" g`, outside, spaceId)}`
}

/** A key sees itself; a person who has signed in, every key of theirs. */
const isItselfOrTheirs = (caller: Caller): Prisma.Sql => {
  if (caller.kind === 'HUMAN') return Prisma.sql`k."ownerId" = ${caller.user.id}`
  return caller.kind === 'API_KEY' ? Prisma.sql`k.id = ${caller.key.id}` : Prisma.sql`FALSE`
}

/**
 * The keys that the caller sees: with all spaces every one; else those that name only spaces within
 * reach, their owner's keys for all spaces by a credential for all spaces, itself, and all of one's
 * own by one's sign-in. Of these, only their own where the role's permissions on keys end there. A
 * user-level key is more than what it is here: without all spaces only itself and its owner's sign-in
 * see it.
 */
export function visibleKeys(caller: Caller): Prisma.Sql {
  const { workspaceId, rights, user } = caller
  const conditions = [Prisma.sql`k."workspaceId" = ${workspaceId}`]
  if (onlyOwnKeys(user.role)) conditions.push(Prisma.sql`k."ownerId" = ${user.id}`)
  if (!rights.allSpaces)
    conditions.push(Prisma.sql`(${isItselfOrTheirs(caller)}
      OR (NOT k."userLevel" AND NOT k."allSpaces" AND ${reachesAllItNames(caller)})
      OR (NOT k."userLevel" AND k."allSpaces" AND ${caller.allSpaces} AND k."ownerId" = ${user.id}))`)
  return all(conditions)
}

/** The keys that a space is named to, or that are for all spaces. */
export const keysOfSpace = (
  spaceId: Prisma.Sql,
): Prisma.Sql => Prisma.sql`(k."allSpaces" OR EXISTS (
  SELECT 1 FROM "SpaceGrant" sg
   WHERE sg."workspaceId" = k."workspaceId" AND sg."keyId" = k.id AND sg."spaceId" = ${spaceId}))`

const keysWithScope = (condition: Prisma.Sql): Prisma.Sql => Prisma.sql`EXISTS (
  SELECT 1 FROM "ApiKeyScope" kl
   WHERE kl."workspaceId" = k."workspaceId" AND kl."keyId" = k.id AND ${condition})`

/** The keys that link to a scope, as a column names it. */
export const keysOfScope = (scopeId: Prisma.Sql): Prisma.Sql =>
  keysWithScope(Prisma.sql`kl."scopeId" = ${scopeId}`)

/** What a list of keys is narrowed by; instants already read. */
export interface ApiKeyFilter {
  readonly status?: ApiKeyStatus | null | undefined
  readonly ownerId?: string | null | undefined
  readonly spaceId?: string | null | undefined
  readonly scopeId?: string | null | undefined
  readonly permission?: string | null | undefined
  readonly legacy?: boolean | null | undefined
  readonly createdById?: string | null | undefined
  readonly createdByKeyId?: string | null | undefined
  readonly createdAfter?: Date | undefined
  readonly createdBefore?: Date | undefined
  readonly expiresAfter?: Date | undefined
  readonly expiresBefore?: Date | undefined
  /** Includes keys never used. */
  readonly lastUsedBefore?: Date | undefined
  readonly neverUsed?: boolean | null | undefined
  readonly search?: string | null | undefined
}

const holdsPermission = (permission: string): Prisma.Sql => {
  const names = namesCovering(permission)
  return Prisma.sql`(k.permissions && ${names}::text[] OR EXISTS (
    SELECT 1 FROM "ApiKeyScope" pl
      JOIN "Scope" ps ON ps."workspaceId" = pl."workspaceId" AND ps.id = pl."scopeId"
     WHERE pl."workspaceId" = k."workspaceId" AND pl."keyId" = k.id
       AND ps.permissions && ${names}::text[]))`
}

const keysActingIn = (caller: Caller, spaceId: string): Prisma.Sql => {
  if (!reaches(caller.rights, spaceId)) return Prisma.sql`FALSE`
  return Prisma.sql`EXISTS (
    SELECT 1 FROM "Space" fs
     WHERE fs."workspaceId" = k."workspaceId" AND fs."deletedAt" IS NULL
       AND ${equalsId(Prisma.sql`fs.id`, spaceId)} AND ${keysOfSpace(Prisma.sql`fs.id`)})`
}

/** The keys that a key made, if the caller sees that one. */
const keysMadeBy = (caller: Caller, keyId: string): Prisma.Sql => Prisma.sql`k."createdByKeyId" IN (
  SELECT k.id FROM "ApiKey" k WHERE ${visibleKeys(caller)} AND ${equalsId(Prisma.sql`k.id`, keyId)})`

export function apiKeyFilter(caller: Caller, filter: ApiKeyFilter): Prisma.Sql {
  const ids: [Prisma.Sql, string | null | undefined][] = [
    [Prisma.sql`k."ownerId"`, filter.ownerId],
    [Prisma.sql`k."createdById"`, filter.createdById],
  ]
  const instants: [Prisma.Sql, '<' | '>', Date | undefined][] = [
    [Prisma.sql`k."createdAt"`, '>', filter.createdAfter],
    [Prisma.sql`k."createdAt"`, '<', filter.createdBefore],
    [effectiveExpiry, '>', filter.expiresAfter],
    [effectiveExpiry, '<', filter.expiresBefore],
    [Prisma.sql`coalesce(us."lastUsedAt", '-infinity')`, '<', filter.lastUsedBefore],
  ]
  const conditions: Prisma.Sql[] = []
  for (const [column, id] of ids) if (typeof id === 'string') conditions.push(equalsId(column, id))
  for (const [column, operator, at] of instants)
    if (at !== undefined) conditions.push(compareInstant(column, operator, at))
  if (filter.status) conditions.push(Prisma.sql`${status} = ${filter.status}`)
  if (typeof filter.spaceId === 'string') conditions.push(keysActingIn(caller, filter.spaceId))
  if (typeof filter.createdByKeyId === 'string')
    conditions.push(keysMadeBy(caller, filter.createdByKeyId))
  if (typeof filter.scopeId === 'string')
    conditions.push(keysWithScope(equalsId(Prisma.sql`kl."scopeId"`, filter.scopeId)))
  if (typeof filter.permission === 'string') conditions.push(holdsPermission(filter.permission))
  if (typeof filter.legacy === 'boolean') conditions.push(Prisma.sql`k.legacy = ${filter.legacy}`)
  if (typeof filter.neverUsed === 'boolean')
    conditions.push(Prisma.sql`(us."lastUsedAt" IS NULL) = ${filter.neverUsed}`)
  if (filter.search) conditions.push(contains(Prisma.sql`k.name`, filter.search))
  return all(conditions)
}
