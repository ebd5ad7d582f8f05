import { statSync } from 'node:fs'
import { mkdir, readdir, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { open, serve } from '../../http/listening.ts'
import { eventually } from '../../setup/eventually.ts'
import { createWorld, type World } from '../../setup/world.ts'
import { createStage, type Stage, uploaded } from './ask.ts'

const maxBytes = 16_000_000

let world: World
let stage: Stage

beforeAll(async () => {
  world = await createWorld({ documents: { maxBytes } })
})
afterAll(() => world.close())
beforeEach(async () => {
  stage = await createStage(world)
})

/** How many files of the folder this process has open. */
async function openFiles(): Promise<number> {
  const names = await readdir('/proc/self/fd')
  const targets = await Promise.all(
    names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')),
  )
  return targets.filter((target) => target.startsWith(world.documentsFolder)).length
}

test('a download that nobody reads waits, and one that is cut leaves no file open', async () => {
  const { workspace, session } = stage
  const { id } = await uploaded(world, workspace.secret, session, 'x'.repeat(maxBytes))
  const { port, logged } = await serve(world.app.fetch)
  const connection = await open(port)
  connection.socket.pause()
  await connection.write(
    `GET /documents/${id} HTTP/1.1\r\nHost: latchkey.test\r\nX-API-Key: ${workspace.secret}\r\n\r\n`,
  )
  await eventually(async () => expect(await openFiles()).toBe(1))
  await sleep(200)
  expect(await openFiles()).toBe(1)
  connection.socket.destroy()
  await eventually(async () => expect(await openFiles()).toBe(0))
  expect(logged).toEqual([])
})

const get = (id: string): string =>
  `GET /documents/${id} HTTP/1.1\r\nHost: latchkey.test\r\nX-API-Key: ${stage.workspace.secret}\r\n\r\n`

test('clients that go away at any moment leave no file open', async () => {
  const { id } = await uploaded(world, stage.workspace.secret, stage.session, 'x'.repeat(100_000))
  const { port, logged } = await serve(world.app.fetch)
  for (let turn = 0; turn < 40; turn += 1) {
    const connection = await open(port)
    await connection.write(get(id))
    await sleep(turn % 12)
    connection.socket.destroy()
  }
  await eventually(async () => expect(await openFiles()).toBe(0))
  expect(logged).toEqual([])
})

// The status is sent already: only the connection can tell that something is missing.
test('a content that cannot be read to its end breaks the download off, and nothing else', async () => {
  const bytes = 100_001
  const { id } = await uploaded(world, stage.workspace.secret, stage.session, 'x'.repeat(bytes))
  const entries = await readdir(world.documentsFolder, { recursive: true })
  const paths = entries.map((name) => join(world.documentsFolder, name))
  const path = paths.find((it) => statSync(it).size === bytes) ?? ''
  await rm(path)
  // It can be opened, and not be read.
  await mkdir(path)
  const { port, logged } = await serve(world.app.fetch)
  for (let turn = 0; turn < 2; turn += 1) {
    const connection = await open(port)
    await connection.write(get(id))
    await eventually(() => expect(connection.isClosed()).toBe(true))
    expect(connection.received()).not.toContain('xxx')
  }
  expect(logged).toHaveLength(2)
  await rm(path, { recursive: true })
})
