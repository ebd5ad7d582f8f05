import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { eventually } from '../setup/eventually.ts'
import { createFolder, launch, startServer, stop } from './program.ts'

// A process starts slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 120_000 })

const keyUse = '{ apiKeys { nodes { name lastUsedAt lastUsedIp } } }'

test('a second server on a DATA_DIR is refused with the process id of the first', async () => {
  const settings = { DATA_DIR: await createFolder() }
  const first = await startServer(settings)
  const second = launch(settings)
  expect(await second.exited).toBe(1)
  expect(second.output.stdout).toBe('')
  expect(second.output.stderr).toBe(
    `latchkey: DATA_DIR ${settings.DATA_DIR} is in use by process ${first.child.pid}\n`,
  )
  const [key = ''] = first.printedKeys
  expect((await first.gql(key, '{ viewer { role } }')).status).toBe(200)
})

test('what a killed server had answered is there at the next start', async () => {
  const settings = { DATA_DIR: await createFolder() }
  const killed = await startServer(settings)
  const [key = ''] = killed.printedKeys
  const space = 'mutation { createSpace(input: { name: "Kept" }) { space { id } } }'
  const made = await killed.gql(key, space)
  killed.child.kill('SIGKILL')
  expect(await killed.exited).toBeNull()
  expect(await readFile(join(settings.DATA_DIR, 'server.pid'), 'utf8')).toBe(
    `${killed.child.pid}\n`,
  )

  const next = await startServer(settings)
  expect(next.printedKeys).toEqual([])
  const { data } = await next.gql(key, '{ spaces { nodes { id } } }')
  expect(data.spaces.nodes).toEqual([made.data.createSpace.space])
})

test('SIGTERM ends it with 0, and the last use of a key is stored', async () => {
  const settings = { DATA_DIR: await createFolder() }
  const first = await startServer(settings)
  const [key = ''] = first.printedKeys
  // The first use is stored at once, later ones every ten seconds: this one must wait for the end.
  await first.gql(key, '{ viewer { role } }')
  await eventually(async () =>
    expect((await first.gql(key, keyUse)).data.apiKeys.nodes[0].lastUsedAt).not.toBeNull(),
  )
  const lastUse = Date.now()
  await first.gql(key, '{ viewer { role } }')
  expect(await stop(first)).toBe(0)
  expect(first.output.stderr).toMatch(/^\{.*"msg":"stopping"\}\n$/)

  const second = await startServer(settings)
  const [stored] = (await second.gql(key, keyUse)).data.apiKeys.nodes
  expect(stored.lastUsedIp).toBe('127.0.0.1')
  expect(Date.parse(stored.lastUsedAt)).toBeGreaterThanOrEqual(lastUse - 200)
})
