import { access, constants, lstat, mkdir, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ConfigError } from '../errors.ts'

/** What a member of the group or anybody may do with a file: read it, or change it. */
const readable = 0o077
const writable = 0o022

const octal = (mode: number): string => (mode & 0o7777).toString(8)

/** Of what is not there: undefined. */
async function unlessMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  return await promise.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
}

/**
 * Makes a folder for this user alone, and those that it is in, where they are not there. `mkdir` of
 * Node.js would try for ever where the system says that a folder is not there in which none can be made,
 * such as /proc.
 *
 * @throws the refusal of the operating system
 */
export async function makeFolder(path: string): Promise<void> {
  const parent = dirname(path)
  if (parent !== path && (await unlessMissing(stat(parent))) === undefined) await makeFolder(parent)
  await mkdir(path, { mode: 0o700 }).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error
  })
}

/**
 * Makes sure that nobody but this user and root can change what is in a DATA_DIR, or has put
 * something there that will be used: then nothing in it can change between a look at it and its
 * use. A folder that is not there is in order, and Windows has no modes to look at.
 *
 * @throws ConfigError naming what is wrong, and what to do
 */
export async function assertOwnDataDir(dataDir: string): Promise<void> {
  const user = process.geteuid?.()
  const folder = await unlessMissing(stat(dataDir))
  if (user === undefined || folder === undefined) return
  // Root gains nothing by refusing the folder of the user whom it works for.
  const trusted = user === 0 ? [0, folder.uid] : [0, user]
  const assertTrusted = (path: string, uid: number): void => {
    if (!trusted.includes(uid))
      throw new ConfigError(
        `${path} belongs to user ${uid}, who may change it; run this as that user, or give it to user ${user}`,
      )
  }
  assertTrusted(`DATA_DIR ${dataDir}`, folder.uid)
  if ((folder.mode & writable) !== 0)
    throw new ConfigError(
      `DATA_DIR ${dataDir} has mode ${octal(folder.mode)}: other users may write to it. Run "chmod go-w ${dataDir}", or name a folder inside it, which is made`,
    )
  for (const name of await readdir(dataDir)) {
    const path = join(dataDir, name)
    const entry = await unlessMissing(lstat(path))
    if (entry !== undefined) assertTrusted(path, entry.uid)
  }
}

/** What the operating system does not let a user do with a file, by the call that failed. */
const refused: Readonly<Record<string, string>> = {
  open: 'read or write',
  scandir: 'list',
  access: 'read and write',
  mkdir: 'make',
  connect: 'connect to',
}

/**
 * The error for the operator, where the operating system refuses a file or folder to this user;
 * undefined: it is about something else.
 */
export function accessProblem(error: unknown): ConfigError | undefined {
  if (!(error instanceof Error)) return undefined
  const { code, syscall, ...its } = error as NodeJS.ErrnoException & { address?: string }
  // The address of a socket in a folder; one of a network is another matter.
  const place = [its.path, its.address].find((it) => it?.includes('/'))
  if ((code !== 'EACCES' && code !== 'EPERM') || place === undefined) return undefined
  const action = refused[syscall ?? ''] ?? 'use'
  return new ConfigError(
    `user ${process.geteuid?.()} may not ${action} ${place} (${code}); run this as the user of the server, who owns DATA_DIR, or give the file to this one`,
  )
}

/**
 * Makes sure that root writes into no DATA_DIR of another user: they could not read what root wrote, and
 * their server would not start again.
 *
 * @throws ConfigError for root, where the folder is another user's
 */
export async function assertRootOwns(dataDir: string): Promise<void> {
  const { uid } = await stat(dataDir)
  if (process.geteuid?.() === 0 && uid !== 0)
    throw new ConfigError(
      `DATA_DIR ${dataDir} belongs to user ${uid}, who could not read what root writes there; run this as user ${uid}`,
    )
}

/** @throws the refusal of the operating system, of the first file below the folder that this user may not read and write */
export async function assertAccessible(folder: string): Promise<void> {
  const { R_OK, W_OK, X_OK } = constants
  await access(folder, R_OK | W_OK | X_OK)
  for (const name of await readdir(folder, { recursive: true }))
    await access(join(folder, name), R_OK | W_OK)
}

/** @throws ConfigError for a file that holds a secret and that other users may read */
export async function assertUnreadByOthers(path: string): Promise<void> {
  const { mode } = await stat(path)
  if (process.geteuid !== undefined && (mode & readable) !== 0)
    throw new ConfigError(
      `${path} has mode ${octal(mode)}: other users may read it. Run "chmod 600 ${path}"`,
    )
}
