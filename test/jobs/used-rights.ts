import type { World } from '../setup/world.ts'

/** What is stored of the rights that a key used: permissions, and ids of spaces, in their order. */
export async function usedRightsOf(
  { deps }: Pick<World, 'deps'>,
  keyId: string,
): Promise<{ permissions: string[]; spaceIds: string[] }> {
  await deps.usage.flush()
  const where = { keyId }
  const permissions = await deps.prisma.apiKeyPermissionUsage.findMany({ where })
  const spaces = await deps.prisma.apiKeySpaceUsage.findMany({ where })
  return {
    permissions: permissions.map(({ permission }) => permission).sort(),
    spaceIds: spaces.map(({ spaceId }) => spaceId).sort(),
  }
}

const daysAgo = (days: number): Date => new Date(Date.now() - days * 86_400_000)

/** As if all keys had been made so many days ago. */
export async function ageKeys({ deps }: Pick<World, 'deps'>, days: number): Promise<void> {
  await deps.prisma.apiKey.updateMany({ data: { createdAt: daysAgo(days) } })
}

/** As if uses had been recorded for so many days, since an upgrade. */
export async function recordedFor({ deps }: Pick<World, 'deps'>, days: number): Promise<void> {
  const row = { name: 'rightsUsageSince', value: daysAgo(days).toISOString() }
  await deps.prisma.setting.upsert({ where: { name: row.name }, create: row, update: row })
}
