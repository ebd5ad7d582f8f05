import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { newId } from '../../../src/ids.ts'
import { done, seed } from '../../setup/seed.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'
import { createSignInWorld, type SignInWorld } from '../../sign-in/sign-in-world.ts'
import { mint } from '../access-token/ask.ts'
import { explainAll, verifyAll } from './ask.ts'

let signIn: SignInWorld
let world: World
let workspace: TestWorkspace
let make: ReturnType<typeof seed>
let space = ''
let other = ''
let agent = ''

beforeAll(async () => {
  signIn = await createSignInWorld()
  world = signIn.world
  workspace = await world.createWorkspace()
  make = seed(world, workspace.secret)
  space = await make.space({ name: 'space' })
  other = await make.space({ name: 'other' })
  agent = await make.agent({ name: 'agent', spaceIds: [space, other] })
})
afterAll(() => signIn.close())

let count = 0
const key = (input: object) =>
  make.key({ name: `key ${count++}`, spaces: [{ spaceId: space }], ...input })
const explain = async (secret: string, input: object) =>
  (await explainAll(world, secret, [input as never]))[0]
const stepsOf = ({ steps }: any): string[] =>
  steps.map((step: any) => `${step.rule} ${step.passed}`)

/** What the API answers to an explanation that fails. */
const problem = z.object({ code: z.string(), path: z.array(z.string()) })
const failed = z.looseObject({
  code: z.string(),
  path: z.array(z.string()).optional(),
  errors: z.array(problem).optional(),
})

async function failure(secret: string, input: object) {
  const query = 'query ($input: ExplainAccessInput!) { explainAccess(input: $input) { code } }'
  const { data, errors } = await world.gql(secret, query, { input })
  expect(data).toEqual({ explainAccess: null })
  return failed.parse(errors[0]?.extensions)
}

const ofKey = [
  'status true',
  'expiry true',
  'rotation true',
  'enabled true',
  'ip true',
  'owner_role true',
  'key_permissions true',
]
const permissions = ['agents:read', 'agents:update']

test('explainAccess: the steps go up to the rule that decides, and say what is missing', async () => {
  const { id: apiKeyId } = await key({ permissions })
  const its = { apiKeyId, permissions }
  const good = await explain(workspace.secret, { ...its, spaceIds: [space] })
  expect(good).toMatchObject({
    allowed: true,
    code: 'VALID',
    missingPermissions: [],
    missingSpaces: [],
  })
  expect(stepsOf(good)).toEqual([
    ...ofKey,
    'spaces true',
    'space_permissions true',
    'rate_limits true',
  ])
  const more = await explain(workspace.secret, { ...its, permissions: ['agents:*'] })
  expect(more).toMatchObject({
    ...{ allowed: false, code: 'INSUFFICIENT_PERMISSIONS' },
    message: 'The key and its scopes do not hold agents:create, agents:delete, agents:run.',
    missingPermissions: ['agents:create', 'agents:delete', 'agents:run'],
  })
  expect(stepsOf(more)).toEqual([...ofKey.slice(0, -1), 'key_permissions false'])
  const further = await explain(workspace.secret, { ...its, agentId: agent })
  expect(further).toMatchObject({
    ...{ code: 'SPACE_NOT_ALLOWED', missingPermissions: permissions, missingSpaces: [other] },
    message: `Not within reach: ${other} (the key does not name it).`,
  })
  const everywhere = await explain(workspace.secret, { ...its, agentId: agent, spaceIds: [space] })
  expect(everywhere).toMatchObject({ missingSpaces: [other] })
  await done(world, workspace.secret, 'disableApiKey', '__typename', { id: apiKeyId })
  const disabled = await explain(workspace.secret, its)
  expect(disabled).toMatchObject({ code: 'DISABLED', missingPermissions: [], missingSpaces: [] })
  expect(disabled.message).toMatch(/^The key was disabled at 20/)
  expect(stepsOf(disabled)).toEqual([...ofKey.slice(0, 3), 'enabled false'])
})

test('explainAccess: a narrowed grant, a role and a token each are told as what they are', async () => {
  const narrow = [{ spaceId: space, permissions: ['agents:read'] }, { spaceId: other }]
  const narrowed = await key({ permissions, spaces: narrow })
  const asked = { permissions, spaceIds: [space, other] }
  expect((await explain(workspace.secret, { apiKeyId: narrowed.id, ...asked })).message).toBe(
    `Not held in ${space}: agents:update.`,
  )
  const member = await make.machine({ name: 'member', role: 'MEMBER', spaceIds: [space, other] })
  const owned = await key({ permissions, ownerId: member.userId })
  expect(await explain(workspace.secret, { apiKeyId: owned.id, permissions })).toMatchObject({
    missingPermissions: ['agents:update'],
    message: "The owner's role does not allow agents:update.",
  })
  const full = await key({ permissions })
  const { id: accessTokenId } = await mint(world, full.secret, { permissions: ['agents:read'] })
  expect(await explain(workspace.secret, { accessTokenId, permissions })).toMatchObject({
    missingPermissions: ['agents:update'],
    message: 'The token was made without agents:update.',
  })
})

test('explainAccess: without an id it is about the caller, from where they ask', async () => {
  const limited = await key({ permissions: ['agents:read'], allowedIps: ['10.0.0.0/8'] })
  const query = '{ explainAccess(input: { permissions: ["agents:read"] }) { code message } }'
  const here = await world.gql(limited.secret, query, {}, { address: '10.0.0.1' })
  expect(here.data.explainAccess).toMatchObject({ code: 'VALID' })
  const elsewhere = await explain(workspace.secret, { apiKeyId: limited.id, permissions: [] })
  expect(elsewhere).toMatchObject({ code: 'IP_NOT_ALLOWED' })
  await signIn.invite(workspace, 'person', 'MEMBER')
  const signedIn = await signIn.person('person')
  const person = await explain(signedIn, { permissions: ['agents:update'] })
  expect(person).toMatchObject({
    code: 'INSUFFICIENT_PERMISSIONS',
    missingPermissions: ['agents:update'],
  })
  expect(stepsOf(person)).toEqual(['owner_role false'])
})

const forbidden = (...missingPermissions: string[]) =>
  expect.objectContaining({ code: 'FORBIDDEN', missingPermissions })

test('explainAccess: about oneself it takes no permission, about another that of reading it', async () => {
  const bare = await key({ permissions: [] })
  const own = await mint(world, bare.secret)
  const second = await mint(world, bare.secret)
  const stranger = await key({ permissions: [] })
  const strangers = await mint(world, stranger.secret)
  const asked = { permissions: [] }
  for (const [secret, target] of [
    [bare.secret, {}],
    [bare.secret, { apiKeyId: bare.id }],
    [bare.secret, { accessTokenId: own.id }],
    [own.token, {}],
    [own.token, { apiKeyId: bare.id }],
    [own.token, { accessTokenId: own.id }],
  ] as const)
    expect(await explain(secret, { ...target, ...asked })).toMatchObject({ code: 'VALID' })
  const both = forbidden('keys:read', 'tokens:read')
  for (const [secret, target, refusal] of [
    [bare.secret, { apiKeyId: stranger.id }, forbidden('keys:read')],
    [bare.secret, { apiKeyId: newId('key') }, forbidden('keys:read')],
    [bare.secret, { accessTokenId: strangers.id }, both],
    [bare.secret, { accessTokenId: newId('tok') }, both],
    [own.token, { accessTokenId: second.id }, forbidden('keys:read')],
    [own.token, { apiKeyId: stranger.id }, forbidden('keys:read')],
  ] as const)
    expect(await failure(secret, { ...target, ...asked })).toEqual(refusal)
  const reader = await key({ permissions: ['keys:read'] })
  expect(await failure(reader.secret, { accessTokenId: own.id, ...asked })).toEqual(
    expect.objectContaining({ code: 'FORBIDDEN', missingPermissions: ['tokens:read'] }),
  )
})

test('explainAccess: what the caller does not see is null', async () => {
  const hidden = await key({ spaces: [{ spaceId: other }] })
  const token = await mint(world, hidden.secret)
  const foreign = await signIn.world.createWorkspace()
  const reader = await key({ permissions: ['keys:read', 'tokens:read'] })
  const targets = [hidden.id, foreign.keyId, newId('key')].map((apiKeyId) => ({ apiKeyId }))
  const inputs = [...targets, { accessTokenId: token.id }, { accessTokenId: newId('tok') }]
  const answers = await explainAll(
    world,
    reader.secret,
    inputs.map((input) => ({ ...input, permissions: [] })),
  )
  expect(answers).toEqual(inputs.map(() => null))
})

test('explainAccess: a token tells nothing of a key that the caller does not see', async () => {
  const spaces = [{ spaceId: space }, { spaceId: other }]
  const hidden = await key({ permissions: ['agents:read'], spaces })
  const token = await mint(world, hidden.secret, { spaceIds: [space] })
  await done(world, workspace.secret, 'disableApiKey', '__typename', { id: hidden.id })
  const reader = await key({ permissions: ['keys:read', 'tokens:read'] })
  const query = 'query ($id: ID!) { accessToken(id: $id) { id apiKey { id } } }'
  const { data } = await world.gql(reader.secret, query, { id: token.id })
  expect(data.accessToken).toEqual({ id: token.id, apiKey: null })
  const asked = { accessTokenId: token.id, permissions: [] }
  expect(await explain(reader.secret, asked)).toBeNull()
  expect(await explain(workspace.secret, asked)).toMatchObject({ code: 'DISABLED' })
})

test('explainAccess: every problem of the input is named', async () => {
  const { secret } = await key({ permissions: [] })
  const input = {
    ...{ apiKeyId: newId('key'), accessTokenId: newId('tok'), agentId: newId('agt') },
    ...{
      permissions: ['agents:fly', 'agents:read'],
      spaceIds: [space, other, space],
      ip: '10.0.0.',
    },
  }
  const { code, path, errors = [] } = await failure(workspace.secret, input)
  expect([code, path]).toEqual(['BAD_USER_INPUT', errors[0]?.path])
  expect(errors.map((each) => `${each.code} ${each.path.join('.')}`)).toEqual([
    'INVALID input.accessTokenId',
    'UNKNOWN_PERMISSION input.permissions.0',
    'INVALID input.ip',
    'INVALID input.spaceIds.2',
    'NOT_FOUND input.agentId',
  ])
  // Beyond its reach nothing is there, its own question included.
  const unseen = { permissions: [], spaceIds: [other], agentId: agent }
  const { errors: those = [] } = await failure(secret, unseen)
  expect(those.map((each) => `${each.code} ${each.path.join('.')}`)).toEqual([
    'NOT_FOUND input.spaceIds.0',
    'NOT_FOUND input.agentId',
  ])
  const many = Array.from({ length: 1_001 }, () => newId('spc'))
  const tooMany = await failure(workspace.secret, { permissions: [], spaceIds: many })
  expect(tooMany.errors).toHaveLength(100)
})

test('explainAccess charges the key nothing, is no use of it, and tells when a limit is reached', async () => {
  const { prisma, usage } = world.deps
  const { id: apiKeyId, secret } = await key({ requestsPerMinute: 2 })
  const its = { apiKeyId, permissions: [] }
  for (let times = 0; times < 5; times += 1)
    expect(await explain(workspace.secret, its)).toMatchObject({ code: 'VALID' })
  await usage.flush()
  expect(await prisma.apiKeyUsage.count({ where: { keyId: apiKeyId } })).toBe(0)
  const verified = await verifyAll(
    world,
    workspace.secret,
    [1, 2, 3].map(() => ({ secret })),
  )
  expect(verified.map(({ code }) => code)).toEqual(['VALID', 'VALID', 'RATE_LIMITED'])
  const limited = await explain(workspace.secret, its)
  expect(limited).toMatchObject({ code: 'RATE_LIMITED', missingPermissions: [] })
  const blocked = await key({ requestsPerMinute: 0 })
  const { code } = await explain(workspace.secret, { ...its, apiKeyId: blocked.id })
  expect(code).toBe('RATE_LIMITED')
})
