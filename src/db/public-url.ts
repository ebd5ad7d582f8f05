import type { Config } from '../config.ts'
import type { PrismaClient } from '../generated/prisma/client.ts'
import { localUrl } from '../input/web-url.ts'

const name = 'publicUrl'

/**
 * Where the installation is reached: what is set, else what an earlier start stored, else the address
 * that the start prints, so that a client that compares it with the issuer finds the same. A database on a server keeps it, so that all of its replicas issue the same tokens; the
 * embedded one does not, for its port may change.
 */
export async function installationUrl(
  { setting }: Pick<PrismaClient, 'setting'>,
  {
    publicUrl,
    databaseUrl,
    host,
    port,
  }: Pick<Config, 'publicUrl' | 'databaseUrl' | 'host' | 'port'>,
): Promise<string> {
  const value = publicUrl ?? localUrl(host, port)
  if (databaseUrl === undefined) return value
  // Of several that start at once, one is the first.
  await setting.createMany({ data: [{ name, value }], skipDuplicates: true })
  if (publicUrl === undefined) return (await setting.findUniqueOrThrow({ where: { name } })).value
  await setting.update({ where: { name }, data: { value } })
  return value
}
