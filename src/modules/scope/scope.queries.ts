import type { Caller } from '../../auth/caller.ts'
import { namesCovering } from '../../auth/permissions.ts'
import { all, contains } from '../../db/conditions.ts'
import { Prisma } from '../../generated/prisma/client.ts'

/** The listed table of scopes. */
export const scopes = { from: Prisma.sql`"Scope" c`, alias: Prisma.sql`c` }

/** The scopes that the caller sees: all of the workspace's. */
export const visibleScopes = (caller: Caller): Prisma.Sql =>
  Prisma.sql`c."workspaceId" = ${caller.workspaceId} AND c."deletedAt" IS NULL`

/** What a list of scopes is narrowed by. */
export interface ScopeFilter {
  /** A permission that the scope holds, itself or by an alias. */
  readonly permission?: string | null | undefined
  readonly search?: string | null | undefined
}

export function scopeFilter({ permission, search }: ScopeFilter): Prisma.Sql {
  const conditions: Prisma.Sql[] = []
  if (permission) conditions.push(Prisma.sql`c.permissions && ${namesCovering(permission)}::text[]`)
  if (search) conditions.push(contains(Prisma.sql`c.name`, search))
  return all(conditions)
}
