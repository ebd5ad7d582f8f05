import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { ask, createFolder, latchkey, startServer, stop } from './program.ts'

// A process starts slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 120_000 })

// What is in an answer is written every ten seconds only, and as the server stops.
test('a server that is stopped has stored what keys have used', async () => {
  const settings = { DATA_DIR: join(await createFolder(), 'data') }
  const server = await startServer(settings)
  const [owner = ''] = server.printedKeys
  const created = async (mutation: string, selection: string): Promise<any> => {
    const { data } = await ask(server.url, owner, `mutation { it: ${mutation} { ${selection} } }`)
    return data.it
  }
  const spaces: string[] = []
  for (const name of ['A', 'B'])
    spaces.push((await created(`createSpace(input: { name: "${name}" })`, 'space { id }')).space.id)
  await created(`createAgent(input: { name: "in A", spaceIds: ["${spaces[0]}"] })`, 'agent { id }')
  const grants = spaces.map((id) => `{ spaceId: "${id}" }`)
  const { secret } = await created(
    `createApiKey(input: { name: "K", permissions: ["agents:read", "agents:run"], spaces: [${grants}] })`,
    'secret',
  )
  await ask(server.url, secret, '{ agents { nodes { name } } }')
  expect(await stop(server)).toBe(0)
  const { stdout } = await latchkey(['keys', 'trim', '--json'], settings)
  expect(JSON.parse(stdout)).toContainEqual(
    expect.objectContaining({
      unusedPermissions: ['agents:run'],
      unusedSpaceIds: [spaces[1]],
      kept: 'NEW',
    }),
  )
})
