import type { Caller } from '../../auth/caller.ts'
import type { Queryable } from '../../auth/key-record.ts'
import { namesCovering } from '../../auth/permissions.ts'
import { reaches } from '../../auth/policy.ts'
import { between, containing, isNoOther, none } from '../../db/where.ts'
import { ApiKeyStatus, type Prisma } from '../../generated/prisma/client.ts'
import { isId } from '../../ids.ts'
import { keysSeen } from './api-key.visibility.ts'
import type { Label } from './labels.ts'

/** What a list of keys is narrowed by; instants already read. */
export interface ApiKeyFilter {
  readonly status?: ApiKeyStatus | null | undefined
  readonly ownerId?: string | null | undefined
  readonly spaceId?: string | null | undefined
  readonly scopeId?: string | null | undefined
  readonly permission?: string | null | undefined
  readonly legacy?: boolean | null | undefined
  readonly createdById?: string | null | undefined
  /** The key that made them, if the caller sees it. */
  readonly makerId?: string | null | undefined
  readonly createdAfter?: Date | undefined
  readonly createdBefore?: Date | undefined
  readonly expiresAfter?: Date | undefined
  readonly expiresBefore?: Date | undefined
  /** Includes keys never used. */
  readonly lastUsedBefore?: Date | undefined
  readonly neverUsed?: boolean | null | undefined
  readonly search?: string | null | undefined
  readonly externalId?: string | null | undefined
  readonly label?: Label | null | undefined
}

/** The keys that act in a space, if it is within the caller's reach. */
function keysActingIn(caller: Caller, id: string): Prisma.ApiKeyWhereInput {
  if (!isId(id) || !reaches(caller.rights, id)) return none
  const live = { id, deletedAt: null }
  return {
    workspace: { spaces: { some: live } },
    OR: [{ allSpaces: true }, { grants: { some: { space: live } } }],
  }
}

/** The keys that declare the permission, directly, by scope or by alias. */
function keysDeclaring(permission: string): Prisma.ApiKeyWhereInput {
  const permissions = { hasSome: namesCovering(permission) }
  return { OR: [{ permissions }, { scopes: { some: { scope: { permissions } } } }] }
}

/** What a status takes of a key as it is stored: the state of others is not worked out. */
const takes: Partial<Record<ApiKeyStatus, Prisma.ApiKeyWhereInput>> = {
  REVOKED: { revokedAt: { not: null } },
  DISABLED: { disabledAt: { not: null } },
}

/** The conditions on what keys are at the moment of reading. */
export function stateFilter(filter: ApiKeyFilter): Prisma.ApiKeyStateWhereInput[] {
  const { status, expiresAfter, expiresBefore, lastUsedBefore, neverUsed } = filter
  const conditions: Prisma.ApiKeyStateWhereInput[] = []
  if (status) conditions.push({ status: isNoOther(status, ApiKeyStatus) })
  if (expiresAfter || expiresBefore)
    conditions.push({ effectiveExpiresAt: between(expiresAfter, expiresBefore) })
  if (lastUsedBefore)
    conditions.push({ OR: [{ lastUsedAt: null }, { lastUsedAt: { lt: lastUsedBefore } }] })
  if (typeof neverUsed === 'boolean')
    conditions.push({ lastUsedAt: neverUsed ? null : { not: null } })
  return conditions
}

/** The keys that fulfil all of the filter; no condition where it names nothing. */
export async function apiKeyFilter(
  db: Queryable,
  caller: Caller,
  filter: ApiKeyFilter,
): Promise<{ AND: Prisma.ApiKeyWhereInput[] }> {
  const { ownerId, spaceId, scopeId, permission, legacy, createdById, makerId } = filter
  const { createdAfter, createdBefore, search, status, externalId, label } = filter
  const conditions = stateFilter(filter).map((state): Prisma.ApiKeyWhereInput => ({ state }))
  const ofId = (id: string, condition: Prisma.ApiKeyWhereInput) =>
    conditions.push(isId(id) ? condition : none)
  if (status) conditions.push(takes[status] ?? {})
  if (typeof ownerId === 'string') ofId(ownerId, { ownerId })
  if (typeof createdById === 'string') ofId(createdById, { createdById })
  if (typeof scopeId === 'string') ofId(scopeId, { scopes: { some: { scopeId } } })
  if (typeof makerId === 'string')
    conditions.push({ createdByKeyId: { in: await keysSeen(db, caller, [makerId]) } })
  if (typeof spaceId === 'string') conditions.push(keysActingIn(caller, spaceId))
  if (typeof permission === 'string') conditions.push(keysDeclaring(permission))
  if (typeof legacy === 'boolean') conditions.push({ legacy })
  if (createdAfter || createdBefore)
    conditions.push({ createdAt: between(createdAfter, createdBefore) })
  if (search) conditions.push({ name: containing(search) })
  if (externalId) conditions.push({ externalId })
  if (label) conditions.push({ labels: { some: label } })
  return { AND: conditions }
}
