import type { Queryable } from '../../auth/key-record.ts'
import { isPermission, type PermissionName, withRequirements } from '../../auth/permissions.ts'
import { inOrder, type Rights } from '../../auth/policy.ts'
import { badUserInput } from '../../errors.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { keptDays } from '../../jobs/rights-usage.ts'

export const defaultDays = 30

/**
 * For how many days something must not have been used.
 *
 * @throws RequestError BAD_USER_INPUT for a number outside 1 to 90
 */
export function unusedDays(days: number | null | undefined): number {
  const given = days ?? defaultDays
  if (given < 1 || given > keptDays)
    throw badUserInput(['days'], `days must be between 1 and ${keptDays}.`)
  return given
}

/** What each key used; a key of whose use too little is known is missing. */
export type UsedNames = ReadonlyMap<string, ReadonlySet<string>>

const tables = {
  permissions: { table: Prisma.sql`"ApiKeyPermissionUsage"`, name: Prisma.sql`u.permission` },
  spaces: { table: Prisma.sql`"ApiKeySpaceUsage"`, name: Prisma.sql`u."spaceId"` },
} as const

/**
 * The permissions, or ids of spaces, that the keys used within so many days. A day counts as a whole, so
 * that nothing passes for unused too early. Of a key that is older than the record of uses, which begins
 * with the version of the server that keeps it, too little is known until it is as old as the days.
 */
export async function findUsedNames(
  db: Queryable,
  workspaceId: string,
  kind: keyof typeof tables,
  keyIds: readonly string[],
  days: number,
): Promise<UsedNames> {
  const { table, name } = tables[kind]
  const rows = await db.$queryRaw<{ keyId: string; names: string[] }[]>`
    SELECT k.id AS "keyId", ARRAY(
             SELECT ${name} FROM ${table} u
              WHERE u."workspaceId" = k."workspaceId" AND u."keyId" = k.id
                AND u."lastUsedOn" >= (statement_timestamp() AT TIME ZONE 'UTC')::date - ${days}::int) AS names
      FROM "ApiKey" k
     WHERE k."workspaceId" = ${workspaceId} AND k.id = ANY(${keyIds}::text[]) AND NOT EXISTS (
       SELECT 1 FROM "Setting" since
        WHERE since.name = 'rightsUsageSince' AND since.value::timestamptz >
              greatest(k."createdAt", statement_timestamp() - make_interval(days => ${days}::int)))`
  return new Map(rows.map(({ keyId, names }) => [keyId, new Set(names)]))
}

/** What is used by these names, and what that requires. */
export const neededPermissions = (used: Iterable<string>): ReadonlySet<PermissionName> =>
  withRequirements([...used].filter(isPermission))

/** The permissions that are held and neither used nor required by one that is. */
export function unusedOf({ permissions }: Rights, used: ReadonlySet<string>): PermissionName[] {
  const needed = neededPermissions(used)
  return inOrder(permissions).filter((name) => !needed.has(name))
}
