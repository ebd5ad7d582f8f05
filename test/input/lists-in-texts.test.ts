import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'

let world: World
let workspace: TestWorkspace

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
})
afterAll(() => world.close())

/** The messages by which a field of a new key is refused. */
async function messagesFor(field: object): Promise<string[]> {
  const query =
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { errors { message } } }'
  const input = { name: 'x', spaces: [], ...field }
  const { data } = await world.gql(workspace.secret, query, { input })
  return data.createApiKey.errors.map(({ message }: { message: string }) => message)
}

const each = 'name each by itself.'

test.each([
  'agents:read,spaces:read',
  'agents:read, spaces:read',
  'agents:read; spaces:read',
  'agents:read\tspaces:read\n',
  'agents:read|spaces:read',
  '["agents:read", "spaces:read"]',
  '*:read *',
])('%j in a list of permissions is named as several', async (text) => {
  const several = `${JSON.stringify(text)} is several permissions; ${each}`
  expect(await messagesFor({ permissions: [text] })).toEqual([several])
  const query = 'query ($filter: ApiKeyFilter) { apiKeys(filter: $filter) { nodes { id } } }'
  const filter = { permission: text }
  const { errors } = await world.gql(workspace.secret, query, { filter })
  expect(errors.map(({ message }) => message)).toEqual([several])
})

test.each([
  '10.0.0.0/8,192.168.0.0/16',
  '10.0.0.1, 10.0.0.2',
  '2001:db8::/32; 192.0.2.1',
  '10.0.0.1 10.0.0.2',
])('%j in a list of addresses is named as several', async (text) => {
  const several = `${JSON.stringify(text)} is several addresses; ${each}`
  expect(await messagesFor({ allowedIps: [text] })).toEqual([several])
})

test('what may hold a secret is no list that is shown', async () => {
  const secret = 'old4711abcdefghij'
  for (const divider of [',', ', ', ' ', '|'])
    for (const [field, one] of Object.entries({ permissions: 'agents:read', allowedIps: '::1' })) {
      const [message, ...more] = await messagesFor({ [field]: [`${one}${divider}${secret}`] })
      expect(more).toEqual([])
      expect(message).toContain('"[…]"')
    }
})
