import type { Change } from '../db/change.ts'
import type { PrismaClient } from '../generated/prisma/client.ts'

const name = 'legacyKeys'

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
    (await setting.findUnique({ where: { name } })) !== null
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

/** Notes that there are legacy keys, in the transaction that makes some. */
export async function noteLegacyKeys({ db, deps, now }: Change): Promise<void> {
  const value = now.toISOString()
  await db.setting.createMany({ data: [{ name, value }], skipDuplicates: true })
  // Before it is committed: until then a look-up finds nothing, and does no harm.
  deps.legacyKeys.imported()
}
