import { appendFile, mkdir, readdir, readlink, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, expect, test } from 'vitest'
import { open, serve } from '../../http/listening.ts'
import { eventually } from '../../setup/eventually.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import { createStage, type Stage, uploaded } from './ask.ts'

const maxBytes = 16_000_000

let stage: Stage

useWorld({ documents: { maxBytes } })
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

const pathOf = ({ id, sha256 }: { id: string; sha256: string }): string =>
  join(world.documentsFolder, stage.workspace.id, `${sha256}-${id}`)

// The status is sent already: only the connection can tell that something is wrong.
test.each<[string, (path: string) => Promise<unknown>, number]>([
  ['that cannot be read', (path) => rm(path).then(() => mkdir(path)), 0],
  ['that has lost its end', (path) => truncate(path, 400), 400],
  ['that has grown', (path) => appendFile(path, 'HTTP/1.1 200 OK\r\n\r\n'), 0],
])('a content %s breaks the download off, and nothing else', async (_, spoil, sent) => {
  const document = await uploaded(world, stage.workspace.secret, stage.session, 'x'.repeat(1_000))
  await spoil(pathOf(document))
  const { port, logged } = await serve(world.app.fetch)
  for (let turn = 0; turn < 2; turn += 1) {
    const connection = await open(port)
    await connection.write(get(document.id))
    await eventually(() => expect(connection.isClosed()).toBe(true))
    const [, body = ''] = connection.received().split('\r\n\r\n')
    expect(body).toBe('x'.repeat(sent))
    const requestId = expect.stringMatching(/^[0-9a-f-]{36}$/)
    expect(logged[turn]).toEqual([{ err: expect.any(Error), requestId }, 'answer broken off'])
  }
  expect(logged).toHaveLength(2)
})
