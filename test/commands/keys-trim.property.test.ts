import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { covers, isPermission, withRequirements } from '../../src/auth/permissions.ts'
import { ageKeys, usedRightsOf } from '../jobs/used-rights.ts'
import { gate } from '../modules/credential/ask.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { operatorIn } from './operator.ts'

let world: World
let workspace: TestWorkspace
let make: ReturnType<typeof seed>
/** Names of spaces and agents, and their ids. */
const at: Record<string, string> = {}
let spaceIds: string[]
let count = 0

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
  make = seed(world, workspace.secret)
  for (const name of ['A', 'B', 'C']) at[name] = await make.space({ name })
  spaceIds = Object.values(at)
  at.inB = await make.agent({ name: 'in B', spaceIds: [at.B] })
  at.inBoth = await make.agent({ name: 'in both', spaceIds: [at.A, at.B] })
})
afterAll(() => world.close())

/** Operations with a key for several spaces, and what they give. */
const operations = {
  agents: (secret: string) => world.gql(secret, '{ agents { nodes { name } } }'),
  spaces: (secret: string) => world.gql(secret, '{ spaces(first: 2) { edges { node { name } } } }'),
  space: (secret: string) =>
    world.gql(secret, `{ space(id: "${at.B}") { name agents { nodes { name } } } }`),
  scopes: (secret: string) => world.gql(secret, '{ scopes { nodes { id } } }'),
  update: (secret: string) =>
    world.gql(
      secret,
      `mutation { updateAgent(input: { id: "${at.inB}", description: "d" }) { agent { name } errors { code } } }`,
    ),
  session: (secret: string) =>
    world.gql(
      secret,
      `mutation { createSession(input: { agentId: "${at.inBoth}" }) { session { status } errors { code } } }`,
    ),
  token: (secret: string) =>
    world.gql(
      secret,
      `mutation { createAccessToken(input: { permissions: ["agents:read"], spaceIds: ["${at.C}"] }) { expiresInSeconds errors { code } } }`,
    ),
  grant: (secret: string) =>
    world.gql(
      secret,
      `mutation { createApiKey(input: { name: "child ${++count}", permissions: ["documents:read", "sessions:read", "agents:read"], spaces: [{ spaceId: "${at.A}" }] }) { errors { code } } }`,
    ),
  verified: (secret: string) =>
    gate(world, workspace.secret, {
      secret,
      permissions: ['documents:upload'],
      spaceIds: [at.C ?? ''],
    }),
  anywhere: (secret: string) =>
    gate(world, workspace.secret, { secret, permissions: ['agents:run'] }),
} as const
/** What an operation shows, through either door. */
const shown = (answer: any) => [
  answer.status,
  answer.data,
  answer.errors,
  answer.headers['latchkey-verdict'],
]

test('whatever a key did it can still do once it is trimmed, and it holds nothing else', async () => {
  const names = Object.keys(operations) as (keyof typeof operations)[]
  await fc.assert(
    fc.asyncProperty(fc.subarray(names, { minLength: 1 }), async (chosen) => {
      const permissions = ['*:read', 'agents:*', 'sessions:*', 'documents:*', 'scopes:*', 'keys:*']
      const spaces = spaceIds.map((spaceId) => ({ spaceId }))
      const key = await make.key({ name: `K ${++count}`, permissions, spaces })
      await ageKeys(world, 31)
      const perform = async () => {
        const answers = []
        for (const name of chosen) answers.push(shown(await operations[name](key.secret)))
        return answers
      }
      const before = await perform()
      for (const [status] of before) expect([200, 204]).toContain(status)
      const used = await usedRightsOf(world, key.id)
      const trimmed: any[] = await operatorIn(world, workspace)('keys', 'trim', '--apply')
      const { spacesKept, error } = trimmed.find(({ apiKey }) => apiKey.id === key.id)
      expect(error).toBeNull()

      const query = `{ apiKey(id: "${key.id}") { permissions spaces { spaceId } } }`
      const { apiKey } = (await world.gql(workspace.secret, query)).data
      const needed = withRequirements(used.permissions.filter(isPermission))
      expect(new Set(apiKey.permissions.flatMap(covers))).toEqual(needed)
      const left = apiKey.spaces.map((space: { spaceId: string }) => space.spaceId)
      expect(left).toEqual(spacesKept === null ? used.spaceIds : spaceIds.toSorted())
      expect(await perform()).toEqual(before)
    }),
    { numRuns: 12 },
  )
})
