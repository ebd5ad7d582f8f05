import type { Caller } from '../../auth/caller.ts'
import { namesCovering } from '../../auth/permissions.ts'
import { containing } from '../../db/where.ts'
import type { Prisma } from '../../generated/prisma/client.ts'

/** The scopes that the caller sees: all of the workspace's. */
export const visibleScopes = ({ workspaceId }: Caller): Prisma.ScopeWhereInput => ({
  workspaceId,
  deletedAt: null,
})

/** What a list of scopes is narrowed by. */
export interface ScopeFilter {
  /** A permission that the scope holds, itself or by an alias. */
  readonly permission?: string | null | undefined
  readonly search?: string | null | undefined
}

export const scopeFilter = ({ permission, search }: ScopeFilter): Prisma.ScopeWhereInput => ({
  ...(permission && { permissions: { hasSome: namesCovering(permission) } }),
  ...(search && { name: containing(search) }),
})
