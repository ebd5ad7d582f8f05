import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CommandError } from '../../src/db/admin-socket.ts'
import { DataDirInUseError, lockDataDir, sendCommand } from '../../src/db/lock.ts'
import { ConfigError } from '../../src/errors.ts'

const script = fileURLToPath(new URL('../setup/hold-data-dir.ts', import.meta.url))
let dataDir: string
let children: ChildProcess[]

beforeEach(() => {
  dataDir = join(mkdtempSync(join(tmpdir(), 'latchkey-lock-')), 'data')
  children = []
})

afterEach(async () => {
  for (const child of children) await kill(child)
  rmSync(join(dataDir, '..'), { recursive: true })
})

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

/** A process that tries to take the folder, and the line in which it tells how that went. */
async function contender(): Promise<{ child: ChildProcess; pid: number; said: string }> {
  const child = spawn(process.execPath, [script, dataDir], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const [said] = await once(createInterface(child.stdout), 'line')
  return { child, pid: child.pid ?? 0, said }
}

const isRefusedFor = (pid: number): string =>
  `DataDirInUseError: DATA_DIR ${dataDir} is in use by process ${pid}`

test('a second process is refused and told who has the folder', async () => {
  const holder = await contender()
  expect(holder.said).toBe('held')
  expect((await contender()).said).toBe(isRefusedFor(holder.pid))
  await expect(lockDataDir(dataDir)).rejects.toThrow(DataDirInUseError)
})

test('also one that is too busy to answer', async () => {
  const holder = await contender()
  holder.child.kill('SIGSTOP')
  expect((await contender()).said).toBe(isRefusedFor(holder.pid))
})

test('a killed holder leaves nothing in the way', async () => {
  const holder = await contender()
  await kill(holder.child)
  expect(existsSync(join(dataDir, 'admin.sock'))).toBe(true)
  expect(await sendCommand(dataDir, ['who'])).toBeUndefined()

  const next = await contender()
  expect(next.said).toBe('held')
  expect((await contender()).said).toBe(isRefusedFor(next.pid))
})

test.each([
  ['an unused folder', false],
  ['what a killed holder left', true],
])('of five that start at once on %s exactly one wins', async (_, stale) => {
  if (stale) await kill((await contender()).child)
  const all = await Promise.all(Array.from({ length: 5 }, contender))
  const winners = all.filter(({ said }) => said === 'held')
  expect(winners).toHaveLength(1)
  const refusal = isRefusedFor(winners[0]?.pid ?? 0)
  expect(all.filter(({ said }) => said === refusal)).toHaveLength(4)
})

test('a holder that ends lets go, and removes its socket', async () => {
  const { child } = await contender()
  const exit = once(child, 'exit')
  child.stdin?.end()
  expect(await exit).toEqual([0, null])
  expect(readdirSync(dataDir)).toEqual(['server.lock'])

  const lock = await lockDataDir(dataDir)
  await expect(lockDataDir(dataDir)).rejects.toThrow(`in use by process ${process.pid}`)
  await lock.release()
  const again = await lockDataDir(dataDir)
  await lock.release()
  expect((await contender()).said).toBe(isRefusedFor(process.pid))
  await again.release()
})

test('only the user who runs the server can reach the folder and its socket', async () => {
  const lock = await lockDataDir(dataDir)
  expect(statSync(dataDir).mode & 0o777).toBe(0o700)
  expect(statSync(join(dataDir, 'admin.sock')).mode & 0o777).toBe(0o600)
  await lock.release()
})

test('the holder runs the commands of others', async () => {
  expect(await sendCommand(dataDir, ['plan'])).toBeUndefined()
  const lock = await lockDataDir(dataDir)
  await expect(sendCommand(dataDir, ['plan'])).rejects.toThrow(
    new CommandError('the server is still starting'),
  )
  lock.onCommand((argv) =>
    argv[0] === 'plan'
      ? Promise.resolve(`${argv.length} words: ${argv.join('|')}`)
      : Promise.reject(new Error(`no command ${argv[0]}`)),
  )
  expect(await sendCommand(dataDir, ['plan', 'ümlaut', ''])).toBe('3 words: plan|ümlaut|')
  await expect(sendCommand(dataDir, ['fly'])).rejects.toThrow(new CommandError('no command fly'))
  await lock.release()
  expect(await sendCommand(dataDir, ['plan'])).toBeUndefined()
})

// The log of years is not held in memory by the server, nor by who reads it slowly.
test('a long output comes in parts, no faster than they are taken', async () => {
  const lock = await lockDataDir(dataDir)
  const parts = Array.from({ length: 500 }, (_, index) => `${index}\n`.padStart(65_536, 'ü'))
  let written = 0
  let ended = Promise.withResolvers<void>()
  lock.onCommand(async (_argv, _text, write) => {
    for (const part of parts) {
      if (!(await write(part))) break
      written += 1
    }
    ended.resolve()
    return 'all'
  })
  const release = Promise.withResolvers<void>()
  const taken: string[] = []
  const output = sendCommand(dataDir, ['export'], '', async (part) => {
    await release.promise
    return taken.push(part) > 0
  })
  for (let before = -1; before !== written; ) {
    before = written
    await sleep(200)
  }
  expect(written).toBeLessThan(parts.length / 2)
  release.resolve()
  expect(await output).toBe('all')
  expect(taken).toEqual(parts)

  written = 0
  ended = Promise.withResolvers<void>()
  expect(await sendCommand(dataDir, ['export'], '', () => Promise.resolve(false))).toBe('')
  await ended.promise
  await lock.release()
  expect(written).toBeLessThan(parts.length / 2)
})

/** Status and body of the answer to a raw request on the socket. */
async function ask(method: string, path: string, body?: string): Promise<[number, unknown]> {
  const call = request({ socketPath: join(dataDir, 'admin.sock'), method, path })
  call.end(body)
  const [response] = await once(call, 'response')
  return [response.statusCode, JSON.parse(await text(response))]
}

test('the socket tells the process id, and refuses what is no command', async () => {
  const lock = await lockDataDir(dataDir)
  lock.onCommand(() => Promise.resolve('ran'))
  expect(await ask('GET', '/')).toEqual([200, { pid: process.pid }])
  expect((await ask('GET', '/run'))[0]).toBe(404)
  expect((await ask('POST', '/run', '{"argv": "plan"}'))[0]).toBe(400)
  expect((await ask('POST', '/run', 'plan'))[0]).toBe(400)
  expect(await ask('POST', '/run', '{"argv": []}')).toEqual([200, { output: 'ran' }])
  await lock.release()
})

test('a folder that cannot be used is a bad setting', async () => {
  const file = join(dataDir, '..', 'file')
  writeFileSync(file, '')
  for (const bad of [file, join(file, 'below')]) {
    await expect(lockDataDir(bad)).rejects.toThrow(ConfigError)
    await expect(lockDataDir(bad)).rejects.toThrow(`DATA_DIR is ${JSON.stringify(bad)}; expected`)
  }
  await expect(lockDataDir(join(dataDir, 'x'.repeat(100)))).rejects.toThrow(ConfigError)
})

test('a long path will do where it is short from here', async () => {
  const here = process.cwd()
  const long = join(dataDir, '..', 'x'.repeat(100))
  mkdirSync(long)
  await expect(lockDataDir(long)).rejects.toThrow('has more than 103 bytes')
  process.chdir(long)
  try {
    const lock = await lockDataDir(long)
    expect(existsSync(join(long, 'admin.sock'))).toBe(true)
    await lock.release()
  } finally {
    process.chdir(here)
  }
})
