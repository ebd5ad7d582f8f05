import { afterAll, beforeAll, expect, test } from 'vitest'
import { done, seed } from '../setup/seed.ts'
import { type Statements, watchStatements, writesUsage } from '../setup/statements.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'

let world: World
let workspace: TestWorkspace
let statements: Statements

beforeAll(async () => {
  statements = watchStatements()
  world = await createWorld()
  workspace = await world.createWorkspace()
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

type Input = Readonly<Record<string, unknown>>

/** What a mutation takes, BEGIN and COMMIT included: credentials are read, and uses written, beside it. */
async function statementsOf(secret: string, name: string, selection: string, input: Input) {
  const from = statements.sent.length
  const payload = await done(world, secret, name, selection, input)
  const sent = statements.sent
    .slice(from)
    .filter((text) => !text.includes('"ApiKeySecret" ps') && !writesUsage(text))
  return { payload, sent }
}

/** In two spaces, with a scope and a label. */
async function keyInput(name: string): Promise<Input> {
  const make = seed(world, workspace.secret)
  const scopeId = await make.scope({ name: `scope ${name}`, permissions: ['agents:read'] })
  const spaceIds = [
    await make.space({ name: `one ${name}` }),
    await make.space({ name: `two ${name}` }),
  ]
  return {
    name,
    permissions: ['spaces:read', 'agents:*', 'keys:rotate'],
    scopeIds: [scopeId],
    spaces: spaceIds.map((spaceId) => ({ spaceId, permissions: ['spaces:read', 'agents:*'] })),
    labels: [{ name: 'team', value: 'support' }],
  }
}

// Each is a round trip, most of them while the workspace is locked: its changes wait for one another.
test.each([
  ['createApiKey', 8],
  ['rotateApiKey', 10],
  ['revokeApiKey', 8],
  ['createAgent', 5],
  ['createAccessToken', 6],
] as const)('%s takes at most %i statements', async (name, most) => {
  const { secret } = workspace
  const input = await keyInput(`for ${name}`)
  const key = await statementsOf(secret, 'createApiKey', 'apiKey { id } secret', input)
  const id: string = key.payload.apiKey.id
  const rotation = { id, overlapSeconds: 600 }
  const [{ spaceId }] = input.spaces as [{ spaceId: string }]
  const last = {
    createApiKey: async () => key,
    rotateApiKey: async () => {
      // With a secret before it that works on, both end.
      const { apiKey } = await done(world, secret, name, 'apiKey { rotatedAt }', rotation)
      const expectedRotatedAt = apiKey.rotatedAt
      return statementsOf(secret, name, 'secret', { ...rotation, expectedRotatedAt })
    },
    revokeApiKey: () => statementsOf(secret, name, 'revokedCount', { id }),
    createAgent: () =>
      statementsOf(key.payload.secret, name, 'agent { id }', { name: 'a', spaceIds: [spaceId] }),
    createAccessToken: () =>
      statementsOf(key.payload.secret, name, 'token', { spaceIds: [spaceId] }),
  }
  const { sent } = await last[name]()
  expect(sent.length, sent.join('\n')).toBeLessThanOrEqual(most)
  expect(sent.filter((text) => text.includes('INSERT INTO "AuditEvent"'))).toHaveLength(1)
})

const ofKey = `id name description externalId start last4 legacy permissions allSpaces allowedIps
  requestsPerMinute expiresAt createdAt updatedAt createdByKeyId rotatedAt revokedAt revocationReason
  labels { name value } scopes { id } spaces { space { id } permissions }`
const ofAgent =
  'id name description instructions model status version createdAt updatedAt spaceIds createdBy { id }'
const ofToken =
  'id permissions allSpaces spaceIds audience createdAt expiresAt familyExpiresAt predecessorId revokedAt'

// It is answered from memory, not as the database tells it.
test.each([
  ['createApiKey', 'apiKey', ofKey],
  ['createAgent', 'agent', ofAgent],
  ['createAccessToken', 'accessToken', ofToken],
] as const)('what %s answers is what is stored', async (name, field, selection) => {
  const { secret } = workspace
  const input = await keyInput(`stored by ${name}`)
  const key = await done(world, secret, 'createApiKey', `apiKey { ${ofKey} } secret`, input)
  const [{ spaceId }] = input.spaces as [{ spaceId: string }]
  const made = {
    createApiKey: async () => key,
    createAgent: () =>
      done(world, secret, name, `agent { ${selection} }`, { name, spaceIds: [spaceId] }),
    createAccessToken: () => done(world, key.secret, name, `accessToken { ${selection} }`, {}),
  }
  const shown = (await made[name]())[field]
  const query = `query ($id: ID!) { it: ${field}(id: $id) { ${selection} } }`
  const { data, errors } = await world.gql(secret, query, { id: shown.id })
  expect(errors).toEqual([])
  expect(data.it).toEqual(shown)
})
