import type { PrismaClient } from '../generated/prisma/client.ts'

/** Of the setting that says so. */
export const legacyKeysSetting = 'legacyKeys'

/**
 * Whether keys that were issued elsewhere have ever been imported: only then is a secret looked up
 * that has no shape of ours. Once they have, it stays so: revoked and migrated ones are told apart
 * from what is not known.
 */
export interface LegacyKeys {
  exist(): Promise<boolean>
  /** To be told when this process imports some. */
  imported(): void
}

/** As the database says it; one on a server is asked again until it says so, for others import too. */
export async function openLegacyKeys({
  prisma: { setting },
  embedded,
}: {
  readonly prisma: Pick<PrismaClient, 'setting'>
  readonly embedded: boolean
}): Promise<LegacyKeys> {
  const isNoted = async (): Promise<boolean> =>
    (await setting.findUnique({ where: { name: legacyKeysSetting } })) !== null
  let exist = await isNoted()
  return {
    async exist() {
      if (!exist && !embedded && (await isNoted())) exist = true
      return exist
    },
    imported() {
      exist = true
    },
  }
}
