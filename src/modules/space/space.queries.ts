import type { Caller } from '../../auth/caller.ts'
import type { PermissionName } from '../../auth/permissions.ts'
import { spacesWith } from '../../auth/policy.ts'
import { all, contains } from '../../db/conditions.ts'
import { Prisma } from '../../generated/prisma/client.ts'

/** The listed table of spaces. */
export const spaces = { from: Prisma.sql`"Space" s`, alias: Prisma.sql`s` }

/** Whether the column's space is one in which the caller holds the permission. */
export function inSpacesWith(
  caller: Caller,
  permission: PermissionName,
  column: Prisma.Sql,
): Prisma.Sql {
  const ids = spacesWith(caller.rights, permission)
  return ids === 'all' ? Prisma.sql`TRUE` : Prisma.sql`${column} = ANY(${ids}::text[])`
}

/** The spaces that the caller sees: those in which they hold spaces:read. */
export const visibleSpaces = (caller: Caller): Prisma.Sql => Prisma.sql`
  s."workspaceId" = ${caller.workspaceId} AND s."deletedAt" IS NULL
  AND ${inSpacesWith(caller, 'spaces:read', Prisma.sql`s.id`)}`

/** What a list of spaces is narrowed by. */
export interface SpaceFilter {
  readonly visibility?: 'OPEN' | 'RESTRICTED' | null | undefined
  readonly search?: string | null | undefined
}

export function spaceFilter({ visibility, search }: SpaceFilter): Prisma.Sql {
  const conditions: Prisma.Sql[] = []
  if (visibility) conditions.push(Prisma.sql`s.visibility = ${visibility}::"SpaceVisibility"`)
  if (search) conditions.push(contains(Prisma.sql`s.name`, search))
  return all(conditions)
}
