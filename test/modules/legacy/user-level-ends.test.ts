import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { revokeUserLevelKey } from '../../../src/modules/legacy-import/revoke-everywhere.ts'
import { storesNothing } from '../../input/nothing-stored.ts'
import { done, seed } from '../../setup/seed.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'
import {
  createSignInWorld,
  membersOf,
  type SignInWorld,
  whoIs,
} from '../../sign-in/sign-in-world.ts'
import { directly } from '../api-key/ask.ts'
import { expectWhole } from '../audit/expect-whole.ts'
import { eventsOf, importUserLevelKey, roleIn } from './user-level.ts'

let signIn: SignInWorld
let world: World
let first: TestWorkspace
let second: TestWorkspace
let userId = ''
let token = ''
let key: { id: string; secret: string }

beforeAll(async () => {
  signIn = await createSignInWorld({ signUp: true })
  world = signIn.world
})
afterAll(() => signIn.close())

let count = 0
beforeEach(async () => {
  first = await world.createWorkspace()
  second = await world.createWorkspace()
  const name = `person${++count}`
  await signIn.invite(first, name, 'BUILDER')
  await signIn.invite(second, name, 'ADMIN')
  token = await signIn.person(name)
  await whoIs(world, token, first.id)
  await whoIs(world, token, second.id)
  userId = (await membersOf(world, first))[`${name}@example.com`]?.userId ?? ''
  key = await importUserLevelKey(world, userId)
})

const roles = async () => [
  await roleIn(world, key.secret, first),
  await roleIn(world, key.secret, second),
]

/** With a key or a sign-in, in a workspace; again where locks took too long, as clients do. */
async function revokeBy(secret: string, { id }: TestWorkspace, more = ''): Promise<any> {
  const query = `mutation { revokeApiKey(input: { id: "${key.id}" ${more} }) {
    revokedCount apiKey { status revocationReason } errors { code } } }`
  const options = { headers: { 'x-workspace-id': id } }
  for (let tries = 20; ; tries -= 1) {
    const { data, errors } = await world.gql(secret, query, undefined, options)
    if (tries > 0 && errors[0]?.extensions.code === 'SERVICE_UNAVAILABLE') continue
    expect(errors).toEqual([])
    return data.revokeApiKey
  }
}

const epochOf = async ({ id }: TestWorkspace) =>
  (await world.deps.prisma.workspace.findUniqueOrThrow({ where: { id } })).epoch

const revoked = 'api_key.revoked by '
const shownAs = async (workspace: TestWorkspace) =>
  Object.values(await membersOf(world, workspace)).find((it) => it.userId === userId)?.name

// Whoever has the secret loses all of it at once: no workspace is left that was not thought of.
test.each([
  ['itself', () => key.secret, () => second],
  ['its owner’s sign-in', () => token, () => first],
])('revoked by %s it ends everywhere', async (_name, by, where) => {
  await done(world, second.secret, 'updateMember', 'member { id }', {
    id: Object.values(await membersOf(world, second)).find((it) => it.userId === userId)?.id,
    name: 'Another name',
  })
  const epochs = [await epochOf(first), await epochOf(second)]
  expect(await revokeBy(by(), where(), 'reason: "stolen"')).toEqual({
    revokedCount: 1,
    apiKey: { status: 'REVOKED', revocationReason: 'stolen' },
    errors: [],
  })
  expect(await roles()).toEqual(['401 REVOKED', '401 REVOKED'])
  expect(await roleIn(world, key.secret)).toBe('401 REVOKED')
  expect(await roleIn(world, key.secret, 'no-such-workspace')).toBe('401 REVOKED')
  expect([await epochOf(first), await epochOf(second)]).toEqual(epochs.map((epoch) => epoch + 1n))
  // Each audit knows the person by the name that its workspace gave them.
  expect(await shownAs(first)).not.toBe('Another name')
  expect((await eventsOf(world, first, key.id)).at(-1)).toBe(revoked + (await shownAs(first)))
  expect((await eventsOf(world, second, key.id)).at(-1)).toBe(`${revoked}Another name`)
  for (const workspace of [first, second]) await expectWhole(world, workspace)

  expect(await revokeBy(token, first)).toMatchObject({ revokedCount: 0, errors: [] })
  expect([await epochOf(first), await epochOf(second)]).toEqual(epochs.map((epoch) => epoch + 1n))
})

test('revoked by who runs the server it ends everywhere, once', async () => {
  expect(await revokeUserLevelKey(world.deps, key.id)).toBe(2)
  expect(await roles()).toEqual(['401 REVOKED', '401 REVOKED'])
  expect(await revokeUserLevelKey(world.deps, key.id)).toBe(0)
  for (const workspace of [first, second]) {
    expect(await eventsOf(world, workspace, key.id)).toEqual([
      'api_key.imported by operator',
      `${revoked}operator`,
    ])
    await expectWhole(world, workspace)
  }
  await expect(revokeUserLevelKey(world.deps, first.keyId)).rejects.toThrow('no user-level key')
})

test('an admin revokes it in their own workspace only', async () => {
  expect(await revokeBy(first.secret, first)).toMatchObject({ revokedCount: 1, errors: [] })
  expect(await roles()).toEqual(['401 REVOKED', 'ADMIN'])
  expect(await roleIn(world, key.secret)).toBe('API_KEY in none')
  expect(await eventsOf(world, second, key.id)).toEqual(['api_key.imported by operator'])
  const { data } = await world.gql(key.secret, '{ workspaces { nodes { id } } }')
  expect(data.workspaces.nodes).toEqual([{ id: second.id }])

  // Its owner ends the rest, also from where it has ended already.
  expect(await revokeBy(token, first)).toMatchObject({ revokedCount: 1, errors: [] })
  expect(await roles()).toEqual(['401 REVOKED', '401 REVOKED'])
})

test('revoked in each by itself it is of no use anywhere', async () => {
  await revokeBy(first.secret, first)
  await revokeBy(second.secret, second)
  expect(await roleIn(world, key.secret)).toBe('401 REVOKED')
})

// A key of the same person, also another user-level one, is not the person.
test('another key of its owner revokes it where it is, and nowhere else', async () => {
  const other = await importUserLevelKey(world, userId)
  expect(await revokeBy(other.secret, second)).toMatchObject({ revokedCount: 1, errors: [] })
  expect(await roles()).toEqual(['BUILDER', '401 REVOKED'])
})

/** It makes a key in each of the workspaces; what these are, to be asked for. */
async function makeInBoth() {
  const make = async ({ id }: TestWorkspace) => {
    const query = 'mutation { createApiKey(input: { name: "made" }) { secret } }'
    const headers = { 'x-workspace-id': id }
    const { data } = await world.gql(key.secret, query, undefined, { headers })
    return data.createApiKey.secret
  }
  const made = [await make(first), await make(second)]
  return async () => [await roleIn(world, made[0], first), await roleIn(world, made[1], second)]
}

// Whoever had the secret may have left a key in each place that it opened.
test.each([
  ['itself', () => key.secret],
  ['its owner’s sign-in', () => token],
])('revoked by %s it takes what it made in every workspace', async (_name, by) => {
  const made = await makeInBoth()
  expect(await made()).toEqual(['BUILDER', 'ADMIN'])
  const epochs = [await epochOf(first), await epochOf(second)]
  const answer = await revokeBy(by(), first, 'includeCreated: true')
  expect(answer).toMatchObject({ revokedCount: 3, errors: [] })
  expect(await made()).toEqual(['401 REVOKED', '401 REVOKED'])
  expect(await roles()).toEqual(['401 REVOKED', '401 REVOKED'])
  expect([await epochOf(first), await epochOf(second)]).toEqual(epochs.map((epoch) => epoch + 1n))
  for (const workspace of [first, second]) {
    const events = await expectWhole(world, workspace)
    expect(events.filter(({ action }) => action === 'api_key.revoked')).toHaveLength(2)
  }
  expect(await revokeBy(token, second, 'includeCreated: true')).toMatchObject({ revokedCount: 0 })
})

test('what it made is taken also where it has ended before', async () => {
  const made = await makeInBoth()
  await revokeBy(second.secret, second)
  expect(await made()).toEqual(['BUILDER', 'ADMIN'])
  await revokeBy(token, first)
  const answer = await revokeBy(token, first, 'includeCreated: true')
  expect(answer).toMatchObject({ revokedCount: 2, errors: [] })
  expect(await made()).toEqual(['401 REVOKED', '401 REVOKED'])
})

test('an admin takes what it made in their own workspace', async () => {
  const made = await makeInBoth()
  const answer = await revokeBy(second.secret, second, 'includeCreated: true')
  expect(answer).toMatchObject({ revokedCount: 2, errors: [] })
  expect(await made()).toEqual(['BUILDER', '401 REVOKED'])
})

const memberIn = async (workspace: TestWorkspace) =>
  Object.values(await membersOf(world, workspace)).find((it) => it.userId === userId)?.id

// One workspace's rights end no key of another one.
test('where its owner may not revoke what it made, nothing is revoked at all', async () => {
  const robot = await seed(world, second.secret).machine({ name: 'Robot', role: 'MEMBER' })
  const query = `mutation { createApiKey(input: { name: "robot", ownerId: "${robot.userId}" }) {
    secret errors { code } } }`
  const headers = { 'x-workspace-id': second.id }
  const { data } = await world.gql(key.secret, query, undefined, { headers })
  const made = data.createApiKey.secret
  const take = async (secret: string) => {
    const all = `mutation { revokeApiKey(input: { id: "${key.id}", includeCreated: true }) {
      revokedCount } }`
    const there = { headers: { 'x-workspace-id': first.id } }
    const answer = await storesNothing(world, () => world.gql(secret, all, undefined, there))
    return answer.errors.map(({ extensions }) => extensions.code)
  }
  const id = await memberIn(second)
  await done(world, second.secret, 'updateMember', 'member { id }', { id, role: 'MEMBER' })
  for (const secret of [token, key.secret]) expect(await take(secret)).toEqual(['FORBIDDEN'])
  await done(world, second.secret, 'updateMember', 'member { id }', { id, role: 'ADMIN' })
  // What it is refused in, it changes nothing in, whatever its owner could.
  await done(world, second.secret, 'disableApiKey', 'apiKey { id }', { id: key.id })
  expect(await take(key.secret)).toEqual(['FORBIDDEN'])
  expect(await roleIn(world, made, second)).toBe('MEMBER')

  // Where its owner is no more, its admins decide.
  await done(world, second.secret, 'removeMember', 'member { id }', { id })
  const answer = await revokeBy(token, first, 'includeCreated: true')
  expect(answer).toMatchObject({ revokedCount: 1, errors: [] })
  expect(await roleIn(world, made, second)).toBe('MEMBER')
  await revokeBy(second.secret, second, 'includeCreated: true')
  expect(await roleIn(world, made, second)).toBe('401 REVOKED')
})

test('its owner’s removal ends it there, for good, and nowhere else', async () => {
  const members = await membersOf(world, first)
  const { id } = Object.values(members).find((it) => it.userId === userId) ?? {}
  await done(world, first.secret, 'removeMember', 'revokedKeyCount', { id })
  expect(await roles()).toEqual(['401 OWNER_REMOVED', 'ADMIN'])
  // One membership is left: it need not be named.
  expect(await roleIn(world, key.secret)).toBe('ADMIN')
  await signIn.invite(first, `person${count}`, 'OWNER')
  expect(await whoIs(world, token, first.id)).toMatchObject({ role: 'OWNER' })
  expect(await roles()).toEqual(['401 OWNER_REMOVED', 'ADMIN'])
})

test('whose owner is in no workspace any more is refused as such', async () => {
  for (const workspace of [first, second]) {
    const members = await membersOf(world, workspace)
    const { id } = Object.values(members).find((it) => it.userId === userId) ?? {}
    await done(world, workspace.secret, 'removeMember', 'member { id }', { id })
  }
  expect(await roles()).toEqual(['401 OWNER_REMOVED', '401 OWNER_REMOVED'])
  expect(await roleIn(world, key.secret)).toBe('401 OWNER_REMOVED')
})

test('it is disabled, limited and narrowed by each workspace for itself', async () => {
  const id = { id: key.id }
  await done(world, first.secret, 'disableApiKey', 'apiKey { id }', id)
  expect(await roles()).toEqual(['401 DISABLED', 'ADMIN'])
  expect(await roleIn(world, key.secret)).toBe('API_KEY in none')
  await done(world, second.secret, 'updateApiKey', 'apiKey { id }', {
    ...id,
    permissions: ['workspace:read'],
    requestsPerMinute: 1,
  })
  await done(world, first.secret, 'enableApiKey', 'apiKey { id }', id)
  const query = '{ viewer { permissions } }'
  const headers = { 'x-workspace-id': second.id }
  const { data } = await world.gql(key.secret, query, undefined, { headers })
  expect(data.viewer.permissions).toEqual(['workspace:read'])
  expect(await roles()).toEqual(['BUILDER', '429 RATE_LIMITED'])
})

test('the sunset of one workspace ends it there', async () => {
  const { id } = first
  await done(world, first.secret, 'updateWorkspace', 'workspace { id }', {
    legacyKeySunsetAt: new Date(Date.now() + 3_600_000).toISOString(),
  })
  expect(await roles()).toEqual(['BUILDER', 'ADMIN'])
  const legacyKeySunsetAt = new Date(Date.now() - 1_000)
  await directly(world, id, (prisma) =>
    prisma.workspace.update({ where: { id }, data: { legacyKeySunsetAt } }),
  )
  expect(await roles()).toEqual(['401 EXPIRED', 'ADMIN'])
  const { data } = await world.gql(key.secret, '{ workspaces { nodes { id } } }')
  expect(data.workspaces.nodes).toEqual([{ id: second.id }])
})

// A request that was let in before must not do what its credential has lost meanwhile.
test('it is read again under the lock, in the workspace that it was let into', async () => {
  const { space } = seed(world, second.secret)
  const id = await space({ name: 'Renamed at once' })
  const rename = (name: string) =>
    world.gql(
      key.secret,
      `mutation { updateSpace(input: { id: "${id}", name: "${name}" }) { errors { code } } }`,
      undefined,
      { headers: { 'x-workspace-id': second.id } },
    )
  const answers = await Promise.all([
    ...Array.from({ length: 10 }, (_, index) => rename(`before ${index}`)),
    revokeBy(token, first).then(() => undefined),
    ...Array.from({ length: 10 }, (_, index) => rename(`at once ${index}`)),
  ])
  const told = answers.flatMap((it) => it?.errors.map(({ extensions }) => extensions.reason) ?? [])
  expect(new Set(told).difference(new Set(['REVOKED'])).size).toBe(0)
  const events = await expectWhole(world, second)
  const end = events.findIndex(({ action }) => action === 'api_key.revoked')
  expect(end).toBeGreaterThan(0)
  expect(events.slice(end).filter(({ apiKeyId }) => apiKeyId === key.id)).toEqual([])
})
