import type { Prisma, PrismaClient } from '../generated/prisma/client.ts'

type Settings = Pick<Prisma.TransactionClient, 'setting'>

const name = 'legacyKeys'

/**
 * Whether keys that were issued elsewhere have ever been imported: only then is a secret looked up
 * that has no shape of ours. Once they have, it stays so: revoked and migrated ones are told apart
 * from unknown ones.
 */
export interface LegacyKeys {
  exist(): Promise<boolean>
  /** Notes that some are imported, in the transaction that does it. */
  noteImport(db: Settings, now: Date): Promise<void>
}

/** Reads it from the database; one that other servers write to is asked again until there are some. */
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
    async noteImport(db, now) {
      const value = now.toISOString()
      await db.setting.createMany({ data: [{ name, value }], skipDuplicates: true })
      // Before it is committed: until then a look-up finds nothing, and does no harm.
      exist = true
    },
  }
}
