import type { Config } from '../config.ts'
import type { PrismaClient } from '../generated/prisma/client.ts'

const name = 'publicUrl'

/**
 * Where the installation is reached: what is set, else what an earlier start stored, else this
 * machine. A database on a server keeps it, so that all of its replicas issue the same tokens; the
 * embedded one does not, for its port may change.
 */
export async function installationUrl(
  { setting }: Pick<PrismaClient, 'setting'>,
  { publicUrl, databaseUrl, port }: Pick<Config, 'publicUrl' | 'databaseUrl' | 'port'>,
): Promise<string> {
  const value = publicUrl ?? `http://localhost:${port}`
  if (databaseUrl === undefined) return value
  // Of several that start at once, one is the first.
  await setting.createMany({ data: [{ name, value }], skipDuplicates: true })
  if (publicUrl === undefined) return (await setting.findUniqueOrThrow({ where: { name } })).value
  await setting.update({ where: { name }, data: { value } })
  return value
}
