import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PrismaClient } from '../../src/generated/prisma/client.ts'
import { askOver } from '../modules/api-key/second-app.ts'
import { done } from '../setup/seed.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { createSignInWorld, membersOf, type SignInWorld, whoIs } from './sign-in-world.ts'

let signIn: SignInWorld
let workspace: TestWorkspace
const mutation = `mutation ($input: CreateWorkspaceInput!) { createWorkspace(input: $input) {
  workspace { id name slug plan } errors { code message path } } }`

beforeAll(async () => {
  signIn = await createSignInWorld({ signUp: true })
  workspace = await signIn.world.createWorkspace()
})
afterAll(() => signIn.close())

const create = (secret: string, input: object) => signIn.world.gql(secret, mutation, { input })

/** The codes and paths of what was wrong; empty: it was made. */
async function outcome(secret: string, input: object): Promise<string[]> {
  const { data, errors } = await create(secret, input)
  expect(errors).toEqual([])
  return data.createWorkspace.errors.map(
    (error: { code: string; path: string[] }) => `${error.code} ${error.path.join('.')}`,
  )
}

test('a person makes a workspace, is its OWNER, and has all rights there', async () => {
  const { world, person } = signIn
  const token = await person('maker', { name: 'Mary Maker' })
  const { data, errors } = await create(token, { name: ' Mary’s ', slug: 'marys' })
  expect(errors).toEqual([])
  const { workspace: made } = data.createWorkspace
  expect(data.createWorkspace.errors).toEqual([])
  expect(made).toMatchObject({ name: 'Mary’s', slug: 'marys', plan: 'FREE' })

  const who = await whoIs(world, token)
  expect(who).toMatchObject({
    role: 'OWNER',
    user: { name: 'Mary Maker', email: 'maker@example.com' },
    workspace: { id: made.id },
  })
  const key = { name: 'first', permissions: ['*'], allSpaces: true }
  const { secret } = await done(world, token, 'createApiKey', 'secret', key)
  const limits = '{ workspace { requestsPerMinute keyLimit seatCount } }'
  expect((await world.gql(secret, limits)).data.workspace).toEqual({
    requestsPerMinute: 600,
    keyLimit: 20,
    seatCount: 1,
  })
  const input = { email: 'MAKER@example.com', role: 'MEMBER' }
  const again = `mutation ($input: AddMemberInput!) { addMember(input: $input) { errors { code } } }`
  expect((await world.gql(secret, again, { input })).data.addMember.errors).toEqual([
    { code: 'CONFLICT' },
  ])
})

test('the audit tells who made it, with a chain of its own', async () => {
  const { world, person } = signIn
  const token = await person('audited')
  const { data } = await create(token, { name: 'Audited', slug: 'audited' })
  const { id } = data.createWorkspace.workspace
  const events = await world.deps.prisma.auditEvent.findMany({
    where: { workspaceId: id },
    orderBy: { sequence: 'asc' },
  })
  const who = await whoIs(world, token)
  const actor = { actorKind: 'HUMAN', actorId: typeof who === 'string' ? who : who.user.id }
  expect(events).toMatchObject([
    { ...actor, sequence: 1n, action: 'workspace.created', targetId: id, previousHash: null },
    { ...actor, sequence: 2n, action: 'member.added', targetName: 'audited@example.com' },
  ])
})

test('a person whose sign-in tells no e-mail has none here', async () => {
  const { world, issuer } = signIn
  const token = await issuer.token({ sub: 'auth0|nameless' })
  expect(await outcome(token, { name: 'Nameless', slug: 'nameless' })).toEqual([])
  expect(await whoIs(world, token)).toMatchObject({
    role: 'OWNER',
    user: { name: 'auth0|nameless', email: null },
  })
})

test('what is wrong with the input is told by its field', async () => {
  const token = await signIn.person('careless')
  expect(await outcome(token, { name: ' ', slug: 'Upper' })).toEqual([
    'INVALID input.name',
    'INVALID input.slug',
  ])
  expect(await outcome(token, { name: 'Taken', slug: workspace.slug })).toEqual([
    'NAME_TAKEN input.slug',
  ])
  expect(await whoIs(signIn.world, token)).toMatchObject({ workspace: null })
})

test('a member of a workspace makes others from there; keys make none', async () => {
  const { world, person, invite } = signIn
  await invite(workspace, 'member')
  const token = await person('member')
  expect(await whoIs(world, token)).toMatchObject({ role: 'MEMBER' })
  expect(await outcome(token, { name: 'Second', slug: 'second' })).toEqual([])
  expect(await whoIs(world, token, 'second')).toMatchObject({ role: 'OWNER' })
  expect(await whoIs(world, token, workspace.id)).toMatchObject({ role: 'MEMBER' })
  expect(await membersOf(world, workspace)).not.toHaveProperty('maker@example.com')

  const { data, errors } = await create(workspace.secret, { name: 'By a key', slug: 'by-a-key' })
  expect(data.createWorkspace).toBeNull()
  expect(errors[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', missingPermissions: [] })
})

// A second server has another client, so that its changes do not wait in the first one's turn.
test('a person makes five at most, however many they ask for at once, of two servers', async () => {
  const { world, person } = signIn
  const second = askOver({
    ...world.deps,
    prisma: world.deps.prisma.$extends({}) as unknown as PrismaClient,
  })
  const token = await person('eager')
  const outcomes = await Promise.all(
    Array.from({ length: 12 }, async (_, i) => {
      const input = { name: `No ${i}`, slug: `eager-${i}` }
      const { data } = await (i % 2 ? world : second).gql(token, mutation, { input })
      return data.createWorkspace.errors.map(({ code }: { code: string }) => code)
    }),
  )
  expect(outcomes.filter((codes) => codes.length === 0)).toHaveLength(5)
  expect(outcomes.filter(([code]) => code === 'LIMIT_REACHED')).toHaveLength(7)
  expect(await outcome(token, { name: 'Late', slug: 'late' })).toEqual(['LIMIT_REACHED input'])
  const { data } = await world.gql(token, '{ workspaces { nodes { id } } }')
  expect(data.workspaces.nodes).toHaveLength(5)
  expect(await outcome(await person('other'), { name: 'Late', slug: 'late' })).toEqual([])
})

test('of several who ask for one slug at once one gets it', async () => {
  const tokens = await Promise.all(
    ['a', 'b', 'c', 'd'].map((name) => signIn.person(`slug-${name}`)),
  )
  const outcomes = await Promise.all(
    tokens.map((token) => outcome(token, { name: 'Mine', slug: 'wanted' })),
  )
  expect(outcomes.flat().sort()).toEqual(Array(3).fill('NAME_TAKEN input.slug'))
})

test('without SIGN_UP nobody makes one, and who is not waited for is nobody', async () => {
  const closed = await createSignInWorld()
  try {
    const token = await closed.person('somebody')
    const input = { name: 'Mine', slug: 'mine' }
    expect((await closed.world.gql(token, mutation, { input })).status).toBe(401)
    await closed.invite(await closed.world.createWorkspace(), 'somebody', 'OWNER')
    const { data, errors } = await closed.world.gql(token, mutation, { input })
    expect(data.createWorkspace).toBeNull()
    expect(errors[0]?.message).toContain('SIGN_UP')
    expect(errors[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' })
  } finally {
    await closed.close()
  }
})
