import { createHash, createHmac, randomBytes } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../errors.ts'
import type { PrismaClient } from '../generated/prisma/client.ts'
import { assertUnreadByOthers } from './data-dir.ts'

const fileName = 'secrets.key'
const shape = /^[\w-]{43}$/
const settingName = 'secretsKeyFingerprint'

/**
 * The SECRETS_KEY that an embedded database keeps beside it: 256 random bits, made with the database.
 * The caller holds the lock of the folder.
 *
 * @param isSetUp whether the database was set up with a key before
 * @throws ConfigError when the file is gone, holds something else, or others may read it
 */
export async function localSecretsKey(dataDir: string, isSetUp: boolean): Promise<string> {
  const path = join(dataDir, fileName)
  const noKey = () => new ConfigError(`${path} does not hold a key; restore it, or set SECRETS_KEY`)
  const stored = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    // Docker makes a folder of a file that is to be mounted and is not there.
    throw error.code === 'EISDIR' ? noKey() : error
  })
  if (stored === undefined) {
    if (isSetUp)
      throw new ConfigError(
        `${path} is missing, and the database cannot be used without it; restore it from a backup, or set SECRETS_KEY to what it held`,
      )
    const key = randomBytes(32).toString('base64url')
    // Whatever is there would lend the key its mode, or lead it elsewhere.
    await rm(`${path}.new`, { force: true })
    const draft = await open(`${path}.new`, 'wx', 0o600)
    try {
      await draft.writeFile(`${key}\n`)
      // All that it encrypts would be lost with it.
      await draft.sync()
    } finally {
      await draft.close()
    }
    await rename(`${path}.new`, path)
    return key
  }
  await assertUnreadByOthers(path)
  const key = stored.trim()
  if (shape.test(key)) return key
  throw noKey()
}

/** Whether the database was set up with a SECRETS_KEY before. */
export const hasSecretsKey = async ({ setting }: Pick<PrismaClient, 'setting'>): Promise<boolean> =>
  (await setting.findUnique({ where: { name: settingName } })) !== null

/** Tells keys apart without telling anything about them. */
function fingerprint(secretsKey: string): string {
  const mac = createHmac('sha256', secretsKey)
    .update('latchkey: fingerprint of SECRETS_KEY')
    .digest()
  return createHash('sha256').update(mac).digest('hex')
}

/**
 * Makes sure that the database is used with one and the same SECRETS_KEY for ever: the first one
 * leaves its fingerprint there.
 *
 * @param others the same key as earlier versions may have read it
 * @returns the key that the database was set up with
 * @throws ConfigError when it is none of these
 */
export async function checkSecretsKey(
  prisma: Pick<PrismaClient, 'setting'>,
  secretsKey: string,
  others: readonly string[] = [],
): Promise<string> {
  const value = fingerprint(secretsKey)
  // Of several that start at once with different keys, one is the first.
  await prisma.setting.createMany({ data: [{ name: settingName, value }], skipDuplicates: true })
  const stored = await prisma.setting.findUniqueOrThrow({ where: { name: settingName } })
  const used = [secretsKey, ...others].find((key) => fingerprint(key) === stored.value)
  if (used !== undefined) return used
  throw new ConfigError(
    'SECRETS_KEY is not the one that this database was set up with; expected the same one',
  )
}
