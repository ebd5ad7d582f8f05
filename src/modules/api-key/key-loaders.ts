import { findKeyRecords, type KeyRecord, keyRecordBytes, rightsOf } from '../../auth/key-record.ts'
import type { PermissionName } from '../../auth/permissions.ts'
import { holds, type Rights, workspaceWide } from '../../auth/policy.ts'
import type { ApiKey, ApiKeyState, Prisma } from '../../generated/prisma/client.ts'
import type { Context, DataLoader } from '../../schema/context.ts'
import { type VisibleList, visibleLoader } from '../../schema/visible-rows.ts'
import { visibleSpaces } from '../space/space.visibility.ts'
import { keysByRole, keysSeen, visibleKeys } from './api-key.visibility.ts'
import { findLabels, type Label } from './labels.ts'
import { findUsedNames, unusedOf } from './used-rights.ts'

/** What the keys of these ids declare and may do now. For keys that the caller has been shown. */
export const keyRecordLoader = (context: Context): DataLoader<KeyRecord | null> =>
  context.loader('keyRecord', async (ids) => {
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
  context.loader('effectivePermissions', async (ids) => {
    const loader = keyRecordLoader(context)
    const records = await Promise.all(ids.map((id) => loader.load(id)))
    const permissions: PermissionName[][] = []
    for (const record of records) {
      await context.budget.turn(record?.grants.length ?? 0)
      permissions.push(record === null ? [] : workspaceWide(rightsOnce(record)))
    }
    return permissions
  })

/** The permissions that each of the keys holds and did not use within so many days; null: not known. */
export const unusedPermissionsLoader = (
  context: Context,
  days: number,
): DataLoader<PermissionName[] | null> =>
  context.loader(`unusedPermissions ${days}`, async (ids) => {
    const { deps, caller } = context
    const records = keyRecordLoader(context)
    const used = await findUsedNames(deps.prisma, caller.workspaceId, 'permissions', ids, days)
    return Promise.all(
      ids.map(async (id) => {
        const record = await records.load(id)
        const names = used.get(id)
        return record && names ? unusedOf(rightsOnce(record), names) : null
      }),
    )
  })

/** The spaces that the caller sees, for keys that reach all there are. */
const seenSpaceIds = (context: Context): Promise<readonly string[]> =>
  context
    .loader<readonly string[]>('seenSpaceIds', async () => {
      const { deps, caller, budget } = context
      budget.countRead(idBytes * caller.liveSpaces)
      const where = visibleSpaces(caller)
      const spaces = await deps.prisma.space.findMany({
        where,
        select: { id: true },
        orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      })
      return [spaces.map(({ id }) => id)]
    })
    .load('')

const idBytes = 40

/** The ids of the spaces that each of the keys reaches and did not use within so many days; null: not known. */
export const unusedSpaceIdsLoader = (context: Context, days: number): DataLoader<string[] | null> =>
  context.loader(`unusedSpaces ${days}`, async (ids) => {
    const { deps, caller, budget } = context
    const { workspaceId } = caller
    const where = { workspaceId, keyId: { in: [...ids] } }
    budget.countRead(idBytes * (await deps.prisma.apiKeySpaceUsage.count({ where })))
    const used = await findUsedNames(deps.prisma, workspaceId, 'spaces', ids, days)
    const records = keyRecordLoader(context)
    return Promise.all(
      ids.map(async (id) => {
        const record = await records.load(id)
        const names = used.get(id)
        if (record === null || names === undefined) return null
        const { allSpaces, spaces } = rightsOnce(record)
        const reached = allSpaces ? await seenSpaceIds(context) : [...spaces.keys()]
        await budget.turn(reached.length)
        return reached.filter((spaceId) => !names.has(spaceId))
      }),
    )
  })

/** What each of the keys is now. For keys that the caller has been shown. */
export const keyStateLoader = (context: Context): DataLoader<ApiKeyState> =>
  context.loader('apiKey.state', async (ids) => {
    const { deps, caller } = context
    const where = { workspaceId: caller.workspaceId, keyId: { in: [...ids] } }
    const states = await deps.prisma.apiKeyState.findMany({ where })
    const byKey = new Map(states.map((state) => [state.keyId, state]))
    return ids.map((id) => byKey.get(id) ?? new Error('a key has a state'))
  })

/** The labels of each of the keys. For keys that the caller has been shown. */
export const labelsLoader = (context: Context): DataLoader<Label[]> =>
  context.loader('apiKey.labels', async (ids) => {
    const its = await findLabels(context.deps.prisma, context.caller.workspaceId, ids)
    return ids.map((id) => its.get(id) ?? [])
  })

/** The ids themselves of those keys that the caller sees and may read; null of the others. */
export const visibleKeyIdLoader = (context: Context): DataLoader<string | null> =>
  context.loader('visibleKeyId', async (ids) => {
    const { deps, caller } = context
    if (!holds(caller.rights, 'keys:read')) return ids.map(() => null)
    deps.usage.usedRights(caller, ['keys:read'])
    const seen = new Set(await keysSeen(deps.prisma, caller, ids))
    return ids.map((id) => (seen.has(id) ? id : null))
  })

/** The keys that the caller sees. */
export const keyList = ({
  deps,
  caller,
}: Context): VisibleList<Prisma.ApiKeyWhereInput, ApiKey> => ({
  all: keysByRole(caller),
  visible: () => visibleKeys(caller),
  check: (ids) => keysSeen(deps.prisma, caller, ids),
  find: (query) => deps.prisma.apiKey.findMany(query as Prisma.ApiKeyFindManyArgs),
})

/** The keys of these ids, each null where the caller does not see it, as one field shows them. */
export const apiKeyLoader = visibleLoader(keyList)

/** The calling key, or the calling token's: reading it takes no permission. Null for a person. */
export async function ownKey(
  { deps, caller: { workspaceId, key } }: Pick<Context, 'deps' | 'caller'>,
  plan: Prisma.ApiKeyDefaultArgs,
): Promise<ApiKey | null> {
  if (key === null) return null
  const where = { workspaceId_id: { workspaceId, id: key.id } }
  return await deps.prisma.apiKey.findUnique({ ...plan, where })
}
