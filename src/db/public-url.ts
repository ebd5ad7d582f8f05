import type { Env } from '../env.ts'
import type { PrismaClient } from '../generated/prisma/client.ts'

const settingName = 'publicUrl'

/**
 * Where the installation is reached: what is set, else what an earlier start stored, else this
 * machine. A database on a server keeps it, so that all of its replicas issue the same tokens; the
 * embedded one does not, for its port may change.
 */
export async function installationUrl(
  prisma: Pick<PrismaClient, 'setting'>,
  { publicUrl, databaseUrl, port }: Pick<Env, 'publicUrl' | 'databaseUrl' | 'port'>,
): Promise<string> {
  const local = `http://localhost:${port}`
  if (databaseUrl === undefined) return publicUrl ?? local
  const { value } = await prisma.setting.upsert({
    where: { name: settingName },
    create: { name: settingName, value: publicUrl ?? local },
    update: publicUrl === undefined ? {} : { value: publicUrl },
  })
  return value
}
