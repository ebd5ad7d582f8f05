import { findKeyRecords, type KeyRecord, keyRecordBytes, rightsOf } from '../../auth/key-record.ts'
import type { PermissionName } from '../../auth/permissions.ts'
import { holds, type Rights, workspaceWide } from '../../auth/policy.ts'
import type { Context, DataLoader } from '../../context.ts'
import { findByIds } from '../../db/page.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { type ApiKeyRow, apiKeys, visibleKeys } from './api-key.queries.ts'

/** What the keys of these ids declare and may do now. For keys that the caller has been shown. */
export const keyRecordLoader = (context: Context): DataLoader<KeyRecord | null> =>
  context.batch('keyRecord', async (ids) => {
    const { deps, budget, caller } = context
    budget.countRead(await keyRecordBytes(deps.prisma, caller.workspaceId, ids))
    const records = await findKeyRecords(deps.prisma, caller.workspaceId, ids)
    const byId = new Map(records.map((record) => [record.id, record]))
    return ids.map((id) => byId.get(id) ?? null)
  })

const knownRights = new WeakMap<KeyRecord, Rights>()

/** What a key may do now, worked out once for each record. */
export function rightsOnce(record: KeyRecord): Rights {
  const rights = knownRights.get(record) ?? rightsOf(record)
  knownRights.set(record, rights)
  return rights
}

/** What each of the keys can do now, workspace-wide; nothing for one that is gone. */
export const effectivePermissionsLoader = (
  context: Context,
): DataLoader<readonly PermissionName[]> =>
  context.batch('effectivePermissions', async (ids) => {
    const loader = keyRecordLoader(context)
    const records = await Promise.all(ids.map((id) => loader.load(id)))
    const permissions: PermissionName[][] = []
    for (const record of records) {
      await context.budget.turn(record?.grants.length ?? 0)
      permissions.push(record === null ? [] : workspaceWide(rightsOnce(record)))
    }
    return permissions
  })

/** The ids themselves of those keys that the caller sees and may read; null of the others. */
export const visibleKeyIdLoader = (context: Context): DataLoader<string | null> =>
  context.batch('visibleKeyId', async (ids) => {
    const { deps, caller } = context
    if (!holds(caller.rights, 'keys:read')) return ids.map(() => null)
    const rows = await deps.prisma.$queryRaw<{ id: string }[]>`
      SELECT k.id FROM "ApiKey" k WHERE ${visibleKeys(caller)} AND k.id = ANY(${ids}::text[])`
    const visible = new Set(rows.map(({ id }) => id))
    return ids.map((id) => (visible.has(id) ? id : null))
  })

/** Those of these keys that the caller sees. */
export const visibleKeyLoader = (context: Context): DataLoader<ApiKeyRow | null> =>
  context.batch('visibleKey', (ids) =>
    findByIds(context.deps.prisma, { ...apiKeys, where: visibleKeys(context.caller) }, ids),
  )

/** The calling key, or the calling token's: reading it takes no permission. Null for a person. */
export async function ownKey({ deps, caller }: Context): Promise<ApiKeyRow | null> {
  if (caller.key === null) return null
  const where = Prisma.sql`k."workspaceId" = ${caller.workspaceId}`
  const [row] = await findByIds<ApiKeyRow>(deps.prisma, { ...apiKeys, where }, [caller.key.id])
  return row ?? null
}
