import { afterAll, beforeAll, expect, test } from 'vitest'
import { failure, send } from '../../oauth/ask.ts'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { createSignInWorld, join, type SignInWorld, whoIs } from '../../sign-in/sign-in-world.ts'
import { importUserLevelKey, inWorkspace, roleIn } from './user-level.ts'

let signIn: SignInWorld
let first: TestWorkspace
let second: TestWorkspace
let foreign: TestWorkspace
let userId = ''
let key: { id: string; secret: string }

beforeAll(async () => {
  signIn = await createSignInWorld()
  const { world, invite, person } = signIn
  first = await world.createWorkspace()
  second = await world.createWorkspace()
  foreign = await world.createWorkspace()
  await invite(first, 'both', 'OWNER')
  await invite(second, 'both', 'MEMBER')
  const token = await person('both')
  await join(world, token, [first, second])
  const { data } = await world.gql(token, '{ viewer { user { id } } }')
  userId = data.viewer.user.id
  key = await importUserLevelKey(world, userId, { name: 'Everywhere' })
})
afterAll(() => signIn.close())

const ask = (query: string, workspace?: TestWorkspace, secret = key.secret) =>
  signIn.world.gql(secret, query, undefined, {
    headers: workspace === undefined ? {} : { 'x-workspace-id': workspace.id },
  })

test('it has its owner’s live role in the workspace that the request names, by id or slug', async () => {
  const { world } = signIn
  for (const [workspace, role] of [
    [first, 'OWNER'],
    [second, 'MEMBER'],
  ] as const)
    for (const named of [workspace.id, workspace.slug])
      expect(await roleIn(world, key.secret, named)).toBe(role)
  const viewer = `{ viewer { kind apiKey { id name legacy allSpaces permissions } user { id }
    workspace { id } permissions allSpaces } }`
  const { data } = await ask(viewer, first)
  expect(data.viewer).toMatchObject({
    kind: 'API_KEY',
    apiKey: { id: key.id, name: 'Everywhere', legacy: true, allSpaces: true, permissions: ['*'] },
    user: { id: userId },
    workspace: { id: first.id },
    allSpaces: true,
  })
  expect(data.viewer.permissions).toContain('members:own')
  expect((await ask(viewer, second)).data.viewer).toMatchObject({
    apiKey: { id: key.id },
    workspace: { id: second.id },
    allSpaces: false,
  })
})

// One workspace's role, reach and rows must never be those of a request that names another.
test('what it was in one workspace is never what it is in the next request', async () => {
  const { world } = signIn
  const { space } = seed(world, first.secret)
  const id = await space({ name: 'In the first' })
  const query = `{ space(id: "${id}") { id } apiKeys { nodes { id } } }`
  for (let round = 0; round < 3; round += 1) {
    expect((await ask(query, first)).data.space).toEqual({ id })
    const { data } = await ask(query, second)
    expect([data.space, data.apiKeys.nodes]).toEqual([null, [{ id: key.id }]])
  }
  const [there, elsewhere] = await Promise.all([ask(query, first), ask(query, second)])
  expect([there.data.space, elsewhere.data.space]).toEqual([{ id }, null])
})

test('a promotion or demotion counts with the next request, in that workspace alone', async () => {
  const { world } = signIn
  const { data } = await world.gql(second.secret, '{ members { nodes { id user { id } } } }')
  const { id } = data.members.nodes.find((node: any) => node.user.id === userId)
  const set = (role: string) =>
    done(world, second.secret, 'updateMember', 'member { id }', { id, role })
  await set('ADMIN')
  expect(await roleIn(world, key.secret, second)).toBe('ADMIN')
  await set('MEMBER')
  expect(await roleIn(world, key.secret, second)).toBe('MEMBER')
  expect(await roleIn(world, key.secret, first)).toBe('OWNER')
})

test('an unknown workspace and a foreign one are the same', async () => {
  const { world } = signIn
  for (const named of [foreign.id, foreign.slug, 'none', '%']) {
    const headers = { 'x-workspace-id': named }
    const answer = await world.gql(key.secret, '{ viewer { kind } }', undefined, { headers })
    const { requestId: _, ...extensions } = answer.errors[0]?.extensions ?? {}
    expect([answer.status, answer.errors[0]?.message, extensions]).toEqual([
      404,
      'There is no such workspace.',
      { code: 'WORKSPACE_NOT_FOUND' },
    ])
  }
})

test('without a name there is who it is, what it can enter, and nothing else', async () => {
  const open = `{ viewer { kind role permissions allSpaces spaces { spaceId } apiKey { id }
    accessToken { id } workspace { id } user { id kind } } permissions { name }
    workspaces { nodes { id } } }`
  const { status, headers, data, errors } = await ask(open)
  expect([status, errors]).toEqual([200, []])
  expect(data.viewer).toEqual({
    kind: 'API_KEY',
    role: null,
    permissions: [],
    allSpaces: false,
    spaces: [],
    apiKey: null,
    accessToken: null,
    workspace: null,
    user: { id: userId, kind: 'HUMAN' },
  })
  const ids = data.workspaces.nodes.map(({ id }: { id: string }) => id)
  expect(ids.sort()).toEqual([first.id, second.id].sort())
  expect(headers.get('deprecation')).toMatch(/^@\d+$/)
})

test.each([
  '{ workspace { id } }',
  '{ apiKeys { nodes { id } } }',
  'mutation { createSpace(input: { name: "x" }) { errors { code } } }',
  'mutation { createAccessToken(input: {}) { errors { code } } }',
  'mutation { revokeAccessToken(input: {}) { errors { code } } }',
  '{ workspaces { nodes { id seatCount } } }',
])('without a name %s asks which one', async (query) => {
  const { status, errors } = await ask(query)
  expect(status).toBe(200)
  expect(errors.length).toBeGreaterThan(0)
  for (const { extensions } of errors)
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: ['X-Workspace-Id'] })
})

test('it makes no workspace, and to end itself it names one', async () => {
  const { errors } = await ask(
    'mutation { createWorkspace(input: { name: "x", slug: "x" }) { errors { code } } }',
  )
  expect(errors[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' })
  const revoke = `mutation { revokeApiKey(input: { id: "${key.id}" }) { errors { code } } }`
  expect((await ask(revoke)).errors[0]?.extensions).toMatchObject({
    code: 'BAD_USER_INPUT',
    path: ['X-Workspace-Id'],
  })
  expect(await roleIn(signIn.world, key.secret, first)).toBe('OWNER')
})

test('of an owner in one workspace it need not be named', async () => {
  const { world, invite, person } = signIn
  await invite(first, 'one', 'BUILDER')
  const who = await whoIs(world, await person('one'))
  if (typeof who === 'string') throw new Error(who)
  const one = await importUserLevelKey(world, who.user.id)
  for (const named of [undefined, first.id, first.slug, ''])
    expect(await roleIn(world, one.secret, named)).toBe('BUILDER')
  expect(await roleIn(world, one.secret, second)).toBe('404 WORKSPACE_NOT_FOUND')
})

// It has no secret here that could be replaced: a new one would be another workspace's as well.
test('it is neither rotated nor transferred nor migrated, and mints no tokens', async () => {
  const { world } = signIn
  const robot = await seed(world, first.secret).machine({ name: 'Robot', role: 'ADMIN' })
  const there = inWorkspace(world, first)
  const inputs: [string, object][] = [
    ['rotateApiKey', { id: key.id }],
    ['transferApiKey', { id: key.id, ownerId: robot.userId }],
    ['migrateLegacyKey', { id: key.id }],
  ]
  for (const secret of [key.secret, await signIn.person('both')])
    for (const [mutation, input] of inputs)
      expect([mutation, await outcome(there, secret, mutation, { ...input })]).toEqual([
        mutation,
        ['WRONG_STATE input.id'],
      ])
  expect(await outcome(there, key.secret, 'createAccessToken', {})).toEqual(['WRONG_STATE input'])
})

test('it is an OAuth client that may not ask for tokens, nor about any', async () => {
  const { world, invite, person } = signIn
  await invite(foreign, 'single', 'OWNER')
  const who = await whoIs(world, await person('single'))
  if (typeof who === 'string') throw new Error(who)
  for (const client of [key, await importUserLevelKey(world, who.user.id)]) {
    const form = { grant_type: 'client_credentials' }
    expect(failure(await send(world, '/oauth/token', form, { client }))).toBe(
      '400 unauthorized_client',
    )
    const wrong = { client: { ...client, id: first.keyId } }
    expect(failure(await send(world, '/oauth/token', form, wrong))).toBe('401 invalid_client')
    for (const path of ['/oauth/introspect', '/oauth/revoke'])
      expect(failure(await send(world, path, { token: 'x' }, { client }))).toBe(
        '401 invalid_client',
      )
    const bearer = client.secret
    const asked = await send(world, '/oauth/introspect', { token: 'x' }, { bearer })
    expect(failure(asked)).toBe('401 invalid_token')
  }
})

test('verification tells what it is in the workspace of who asks, and nothing elsewhere', async () => {
  const query = `mutation ($secret: String!) { verifyApiKey(input: {
    secret: $secret, permissions: ["workspace:update"] }) { code apiKey { id } } }`
  const verify = async ({ secret }: TestWorkspace) =>
    (await signIn.world.gql(secret, query, { secret: key.secret })).data.verifyApiKey
  const apiKey = { id: key.id }
  expect(await verify(first)).toEqual({ code: 'VALID', apiKey })
  expect(await verify(second)).toEqual({ code: 'INSUFFICIENT_PERMISSIONS', apiKey })
  expect(await verify(foreign)).toEqual({ code: 'NOT_FOUND', apiKey: null })
})

test('its use is kept for each workspace by itself', async () => {
  const { world } = signIn
  const { id, secret } = await importUserLevelKey(world, userId)
  const lastUsed = async () => {
    await world.deps.usage.flush()
    const rows = await world.deps.prisma.apiKeyUsage.findMany({ where: { keyId: id } })
    return rows.map(({ workspaceId }) => workspaceId).sort()
  }
  await roleIn(world, secret)
  expect(await lastUsed()).toEqual([])
  await roleIn(world, secret, second)
  expect(await lastUsed()).toEqual([second.id])
  await Promise.all([roleIn(world, secret, first), roleIn(world, secret, second)])
  expect(await lastUsed()).toEqual([first.id, second.id].sort())
})
