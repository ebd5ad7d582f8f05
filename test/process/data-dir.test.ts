import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../setup/eventually.ts'
import { createFolder, launch, type RunningServer, startServer, stop } from './program.ts'

/** When the owner's key was last used, as another key of theirs is told. */
async function ownersUse({ gql }: RunningServer, other: string): Promise<any> {
  const { data } = await gql(other, '{ apiKeys { nodes { name lastUsedAt lastUsedIp } } }')
  return data.apiKeys.nodes.find(({ name }: { name: string }) => name !== 'other')
}

// One folder through the lives of three servers, for each start takes seconds.
test('a DATA_DIR is for one server, and keeps what it had answered when it was killed or asked to end', async () => {
  const settings = { DATA_DIR: await createFolder() }
  const first = await startServer(settings)
  const beside = launch(settings)
  expect(await beside.exited).toBe(1)
  expect(beside.output.stdout).toBe('')
  expect(beside.output.stderr).toBe(
    `latchkey: DATA_DIR ${settings.DATA_DIR} is in use by process ${first.child.pid}\n`,
  )
  const [key = ''] = first.printedKeys
  const { data } = await first.gql(
    key,
    `mutation {
      createSpace(input: { name: "Kept" }) { space { id } }
      createApiKey(input: { name: "other", permissions: ["*"], allSpaces: true }) { secret }
    }`,
  )
  first.child.kill('SIGKILL')
  expect(await first.exited).toBeNull()
  expect(await readFile(join(settings.DATA_DIR, 'server.pid'), 'utf8')).toBe(`${first.child.pid}\n`)

  const second = await startServer(settings)
  expect(second.printedKeys).toEqual([])
  const begun = Date.now()
  const spaces = await second.gql(key, '{ spaces { nodes { id } } }')
  expect(spaces.data.spaces.nodes).toEqual([data.createSpace.space])
  // The first use is stored at once, later ones every ten seconds: the next must wait for the end.
  const other = data.createApiKey.secret
  await eventually(async () =>
    expect(Date.parse((await ownersUse(second, other)).lastUsedAt)).toBeGreaterThanOrEqual(begun),
  )
  const lastUse = Date.now()
  await second.gql(key, '{ viewer { role } }')
  expect(await stop(second)).toBe(0)
  expect(second.output.stderr).toMatch(/^\{.*"msg":"stopping"\}\n$/)

  const stored = await ownersUse(await startServer(settings), other)
  expect(stored.lastUsedIp).toBe('127.0.0.1')
  expect(Date.parse(stored.lastUsedAt)).toBeGreaterThanOrEqual(lastUse)
})
