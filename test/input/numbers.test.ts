import { beforeAll, expect, test } from 'vitest'
import { CreateKeyDocument, UpdateKeyDocument } from '../generated/operations.ts'
import { done } from '../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../setup/use-world.ts'
import { type Input, refusal } from './nothing-stored.ts'

let spaceId: string
let keyId: string
const refused = (mutation: string, input: Input) =>
  refusal(world, workspace.secret, mutation, input)

useWorkspace()
beforeAll(async () => {
  spaceId = await make.space({ name: 'Home' })
  keyId = (await make.key({ name: 'numbers', spaces: [{ spaceId }] })).id
})

test('an overlap is 0 to 7 days', async () => {
  for (const overlapSeconds of [-1, 604_801, 2 ** 31 - 1]) {
    const overlap = ['INVALID input.overlapSeconds']
    expect(await refused('rotateApiKey', { id: keyId, overlapSeconds })).toEqual(overlap)
  }
  for (const overlapSeconds of [0, 604_800]) {
    const { id } = await make.key({ name: `overlap ${overlapSeconds}` })
    await done(world, workspace.secret, 'rotateApiKey', 'secret', { id, overlapSeconds })
  }
})

test("a key's own limit is 0 or more, and not above the plan's", async () => {
  const limit = ['INVALID input.requestsPerMinute']
  const bad = { requestsPerMinute: -1 }
  expect(await refused('createApiKey', { name: 'x', ...bad })).toEqual(limit)
  expect(await refused('updateApiKey', { id: keyId, ...bad })).toEqual(limit)
  const free = await world.createWorkspace()
  await world.deps.prisma.workspace.update({ where: { id: free.id }, data: { plan: 'FREE' } })
  const above = { name: 'x', requestsPerMinute: 601 }
  expect(await refusal(world, free.secret, 'createApiKey', above)).toEqual(limit)
  for (const requestsPerMinute of [0, 600]) {
    const input = { name: `limit ${requestsPerMinute}`, requestsPerMinute }
    const { data } = await world.run(free.secret, CreateKeyDocument, { input })
    expect(data?.createApiKey?.errors).toEqual([])
  }
})

test('a number that no 32 bits hold, or that is none, is refused before anything is done', async () => {
  for (const value of [2 ** 31, -(2 ** 31) - 1, 1e300, 1.5, '5', true, [5, 6], {}]) {
    expect(await refused('createApiKey', { name: 'x', requestsPerMinute: value })).toEqual([
      'BAD_USER_INPUT',
    ])
    expect(await refused('rotateApiKey', { id: keyId, overlapSeconds: value })).toEqual([
      'BAD_USER_INPUT',
    ])
    expect(await refused('updateWorkspace', { maxKeyLifetimeDays: value })).toEqual([
      'BAD_USER_INPUT',
    ])
  }
})

test('what an agent is expected to be, and is not, is a conflict', async () => {
  const id = await make.agent({ name: 'versioned', spaceIds: [spaceId] })
  for (const expectedVersion of [0, 2, -1, 2 ** 31 - 1])
    expect(await refused('updateAgent', { id, name: 'other', expectedVersion })).toEqual([
      'CONFLICT input.expectedVersion',
    ])
})

// An admin who sends null means something; taking it for "no restriction" would widen a key.
test('null is refused where it means nothing', async () => {
  const scopeId = await make.scope({ name: 'nulls', permissions: ['agents:read'] })
  const agentId = await make.agent({ name: 'nulls', spaceIds: [spaceId] })
  const member = await make.machine({ name: 'nulls', role: 'MEMBER' })
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ['updateApiKey', keyId, ['name', 'permissions', 'scopeIds', 'allSpaces', 'spaces']],
    ['updateScope', scopeId, ['name', 'permissions', 'agentAccess']],
    ['updateSpace', spaceId, ['name', 'visibility']],
    ['updateAgent', agentId, ['name', 'status', 'spaceIds']],
    ['updateMember', member.id, ['name', 'role']],
  ]
  for (const [mutation, id, fields] of cases)
    for (const field of fields)
      expect(await refused(mutation, { id, [field]: null }), `${mutation}.${field}`).toEqual([
        `INVALID input.${field}`,
      ])
  for (const field of ['name', 'slug', 'legacyKeySunsetAt'])
    expect(await refused('updateWorkspace', { [field]: null })).toEqual([`INVALID input.${field}`])
  expect(await refused('createApiKey', { name: null })).toEqual(['BAD_USER_INPUT'])
  expect(await refused('createApiKey', { name: 'x', permissions: [null] })).toEqual([
    'BAD_USER_INPUT',
  ])
  expect(await refused('updateApiKey', { id: null, name: 'x' })).toEqual(['BAD_USER_INPUT'])
})

test('null lifts a restriction of those that can be lifted', async () => {
  const { id } = await make.key({
    name: 'restricted',
    expiresAt: '2050-01-01T00:00:00Z',
    allowedIps: ['10.0.0.0/8'],
    requestsPerMinute: 5,
  })
  const { data } = await world.run(workspace.secret, UpdateKeyDocument, {
    input: { id, expiresAt: null, allowedIps: null, requestsPerMinute: null, description: null },
  })
  expect(data?.updateApiKey).toMatchObject({
    apiKey: { expiresAt: null, allowedIps: null },
    errors: [],
  })
})
