import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { lockDataDir, sendCommand } from '../../src/db/lock.ts'
import { localSecretsKey } from '../../src/db/secrets-key.ts'
import { ConfigError } from '../../src/errors.ts'

let above: string
let dataDir: string

beforeEach(() => {
  above = mkdtempSync(join(tmpdir(), 'latchkey-data-dir-'))
  dataDir = join(above, 'data')
})
afterEach(() => rmSync(above, { recursive: true }))

const modeOf = (path: string): number => lstatSync(path).mode & 0o7777

/** A folder that was there before, of exactly that mode. */
function makeFolder(mode: number): void {
  mkdirSync(dataDir)
  chmodSync(dataDir, mode)
}

/** What a server does first in its folder. */
async function begin(): Promise<string> {
  const lock = await lockDataDir(dataDir)
  try {
    return await localSecretsKey(dataDir, false)
  } finally {
    await lock.release()
  }
}

test.each([0o777, 0o775, 0o757, 0o1777, 0o2775])(
  'a folder of mode %o is refused: others may put something into it',
  async (mode) => {
    makeFolder(mode)
    const refusal = `DATA_DIR ${dataDir} has mode ${mode.toString(8)}: other users may write to it. Run "chmod go-w ${dataDir}"`
    await expect(begin()).rejects.toThrow(ConfigError)
    await expect(begin()).rejects.toThrow(refusal)
    await expect(sendCommand(dataDir, ['plan'])).rejects.toThrow(refusal)
    chmodSync(dataDir, mode & ~0o022)
    await begin()
  },
)

test.each([0o700, 0o750, 0o755, 0o2755])('a folder of mode %o is taken', async (mode) => {
  makeFolder(mode)
  await begin()
  expect(modeOf(dataDir)).toBe(mode)
})

test('a folder inside one that everybody may write to is taken, and made for this user alone', async () => {
  chmodSync(above, 0o1777)
  await begin()
  expect(modeOf(dataDir)).toBe(0o700)
})

// Who can read it can lock it, and keep every server out.
test('server.lock is for this user alone, whatever mode it had and whatever is masked', async () => {
  const umask = process.umask(0)
  onTestFinished(() => void process.umask(umask))
  makeFolder(0o755)
  await begin()
  expect(modeOf(join(dataDir, 'server.lock'))).toBe(0o600)
  expect(modeOf(join(dataDir, 'secrets.key'))).toBe(0o600)
  chmodSync(join(dataDir, 'server.lock'), 0o644)
  await begin()
  expect(modeOf(join(dataDir, 'server.lock'))).toBe(0o600)
})

/** Files of that name that stand in the way of one that is made: of any mode, or leading elsewhere. */
const planted: Readonly<Record<string, (path: string, elsewhere: string) => void>> = {
  'a file that everybody reads': (path) => {
    writeFileSync(path, 'planted')
    chmodSync(path, 0o666)
  },
  'a link to a file': (path, elsewhere) => symlinkSync(elsewhere, path),
}

test.each(Object.keys(planted))('secrets.key.new was %s: the key is made anew', async (what) => {
  makeFolder(0o755)
  const elsewhere = join(above, 'elsewhere')
  writeFileSync(elsewhere, 'untouched', { mode: 0o644 })
  planted[what]?.(join(dataDir, 'secrets.key.new'), elsewhere)
  const key = await begin()
  const path = join(dataDir, 'secrets.key')
  expect(lstatSync(path).isFile()).toBe(true)
  expect(modeOf(path)).toBe(0o600)
  expect(readFileSync(path, 'utf8')).toBe(`${key}\n`)
  expect(readFileSync(elsewhere, 'utf8')).toBe('untouched')
})

test.each(Object.keys(planted))('server.pid was %s: it is made anew', async (what) => {
  makeFolder(0o755)
  const elsewhere = join(above, 'elsewhere')
  writeFileSync(elsewhere, 'untouched')
  planted[what]?.(join(dataDir, 'server.pid'), elsewhere)
  const lock = await lockDataDir(dataDir)
  onTestFinished(() => lock.release())
  expect(readFileSync(join(dataDir, 'server.pid'), 'utf8')).toBe(`${process.pid}\n`)
  expect(modeOf(join(dataDir, 'server.pid')) & 0o022).toBe(0)
  expect(readFileSync(elsewhere, 'utf8')).toBe('untouched')
})

test.each([0o666, 0o644, 0o640])(
  'a secrets.key of mode %o is refused: others know it',
  async (mode) => {
    await begin()
    const path = join(dataDir, 'secrets.key')
    chmodSync(path, mode)
    const refusal = `${path} has mode ${mode.toString(8)}: other users may read it. Run "chmod 600 ${path}"`
    await expect(begin()).rejects.toThrow(ConfigError)
    await expect(begin()).rejects.toThrow(refusal)
    chmodSync(path, 0o600)
    await begin()
  },
)

// A file of keys to import is sent to it.
test('a command is not sent to a socket in a folder that others may write to', async () => {
  makeFolder(0o777)
  let asked = 0
  const server = createServer((_, response) => {
    asked += 1
    response.end('{"output":"thank you"}')
  }).listen(join(dataDir, 'admin.sock'))
  onTestFinished(() => void server.close())
  await expect(sendCommand(dataDir, ['plan'], 'a secret')).rejects.toThrow(ConfigError)
  expect(asked).toBe(0)
})

// Only root can give a file to another user, as this must.
const isRoot = process.geteuid?.() === 0
const names = isRoot
  ? ['db', 'documents', 'incoming', 'secrets.key', 'server.lock', 'admin.sock']
  : []

test.each(names)(
  '%s of another user is refused, for they may change what is in it',
  async (name) => {
    makeFolder(0o755)
    const path = join(dataDir, name)
    mkdirSync(path)
    chownSync(path, 12_345, 12_345)
    await expect(begin()).rejects.toThrow(`${path} belongs to user 12345`)
    await expect(sendCommand(dataDir, ['plan'])).rejects.toThrow(ConfigError)
    expect(statSync(path).uid).toBe(12_345)
  },
)
