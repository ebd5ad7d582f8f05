import { prefixOf } from '../auth/credentials/format.ts'
import type { Config } from '../config.ts'
import { ConfigError } from '../errors.ts'
import type { Prisma, PrismaClient } from '../generated/prisma/client.ts'

const settingName = (prefix: string): string => `keyPrefix:${prefix}`

/** The prefixes of all keys that the installation ever made, by whichever of its servers. */
export async function findKeyPrefixes(
  db: Pick<Prisma.TransactionClient, 'setting'>,
): Promise<Set<string>> {
  const known = await db.setting.findMany({ where: { name: { startsWith: settingName('') } } })
  return new Set(known.map(({ value }) => value))
}

/**
 * The prefixes of all keys that the installation ever made, those that this start makes included.
 * From the first use on whatever begins with one is a key, or is mistyped.
 *
 * @throws ConfigError for a new one that keys may begin with which were issued elsewhere: they
 *   would be accepted no more
 */
export async function notedKeyPrefixes(
  prisma: Pick<PrismaClient, 'setting' | 'workspace' | '$queryRaw'>,
  { keyPrefix, bootstrapKey }: Pick<Config, 'keyPrefix'> & Partial<Pick<Config, 'bootstrapKey'>>,
): Promise<ReadonlySet<string>> {
  const prefixes = await findKeyPrefixes(prisma)
  const isNew = bootstrapKey !== undefined && (await prisma.workspace.count({ take: 1 })) === 0
  for (const prefix of isNew ? [keyPrefix, prefixOf(bootstrapKey)] : [keyPrefix]) {
    if (prefixes.has(prefix)) continue
    await assertNotForeign(prisma, prefix)
    const data = [{ name: settingName(prefix), value: prefix }]
    await prisma.setting.createMany({ data, skipDuplicates: true })
    prefixes.add(prefix)
  }
  return prefixes
}

/** Of a short secret less is kept to show than a prefix has: it may begin with it. */
async function assertNotForeign(
  prisma: Pick<PrismaClient, '$queryRaw'>,
  prefix: string,
): Promise<void> {
  const begin = `${prefix}_`
  const foreign = await prisma.$queryRaw<unknown[]>`
    SELECT 1 FROM (SELECT start FROM "ApiKey" WHERE legacy AND "revokedAt" IS NULL
                   UNION ALL SELECT start FROM "UserLegacyKey" WHERE "revokedAt" IS NULL) imported
     WHERE (starts_with(start, ${begin}) OR starts_with(${begin}, start)) LIMIT 1`
  if (foreign.length === 0) return
  throw new ConfigError(
    `KEY_PREFIX is ${JSON.stringify(prefix)}; expected one that no imported key may begin with`,
  )
}
