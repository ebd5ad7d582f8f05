import { expand, isPerSpace } from '../../auth/permissions.ts'
import type { PrismaClient } from '../../generated/prisma/client.ts'

/** What keys were given within a time: permissions by name, spaces by id. */
export type RecentGrants = ReadonlyMap<string, ReadonlySet<string>>

interface StoredChange {
  readonly field: string
  readonly before: string
  readonly after: string
}

interface StoredGrant {
  readonly spaceId: string
  readonly permissions: readonly string[] | null
}

/** A grant gives its space and, in it, what it is not narrowed to be without. */
const namesOfGrant = ({ spaceId, permissions }: StoredGrant): string[] => [
  spaceId,
  ...[...expand(permissions ?? ['*'])].filter(isPerSpace),
]

/** What a field of the terms gives, as `auditSnapshot` shows it. */
function namesIn(field: string, text: string): ReadonlySet<string> {
  const value: unknown = JSON.parse(text)
  if (field === 'allSpaces' && value === true) return new Set([...expand(['*'])].filter(isPerSpace))
  if (!Array.isArray(value)) return new Set()
  if (field === 'permissions') return expand(value as string[])
  return field === 'spaces' ? new Set((value as StoredGrant[]).flatMap(namesOfGrant)) : new Set()
}

/** What changes of the keys of a workspace, other than making them, have added since then, by the audit. */
export async function findRecentGrants(
  prisma: PrismaClient,
  workspaceId: string,
  since: Date,
): Promise<RecentGrants> {
  const events = await prisma.auditEvent.findMany({
    where: {
      workspaceId,
      at: { gte: since },
      action: { startsWith: 'api_key.', notIn: ['api_key.created', 'api_key.imported'] },
    },
    select: { targetId: true, changes: true },
  })
  const recent = new Map<string, Set<string>>()
  for (const { targetId, changes } of events) {
    if (targetId === null) continue
    const its = recent.get(targetId) ?? new Set()
    recent.set(targetId, its)
    for (const { field, before, after } of JSON.parse(changes) as StoredChange[])
      for (const name of namesIn(field, after).difference(namesIn(field, before))) its.add(name)
  }
  return recent
}
