import { afterAll, beforeAll, expect, test } from 'vitest'
import { fillExampleWorkspace } from '../../../src/modules/workspace/example.ts'
import { outcome } from '../../setup/outcome.ts'
import { done } from '../../setup/seed.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'
import { createSignInWorld, type SignInWorld, whoIs } from '../../sign-in/sign-in-world.ts'

let signIn: SignInWorld
let world: World
let count = 0

const taken = ['NAME_TAKEN input.slug']

beforeAll(async () => {
  signIn = await createSignInWorld({ signUp: true })
  world = signIn.world
})
afterAll(() => signIn.close())

const rename = ({ secret }: Pick<TestWorkspace, 'secret'>, slug: string) =>
  outcome(world, secret, 'updateWorkspace', { slug })

/** A slug that no workspace has had. */
const newSlug = (): string => `slug-${++count}`

test('a slug that another workspace has is NAME_TAKEN, and nothing of the input is stored', async () => {
  const [mine, theirs] = [await world.createWorkspace(), await world.createWorkspace()]
  const query = `mutation ($input: UpdateWorkspaceInput!) {
    updateWorkspace(input: $input) { workspace { slug } errors { code path } }
  }`
  const { data } = await world.gql(mine.secret, query, {
    input: { slug: theirs.slug, name: 'Renamed' },
  })
  expect(data.updateWorkspace).toEqual({
    workspace: null,
    errors: [{ code: 'NAME_TAKEN', path: ['input', 'slug'] }],
  })
  const after = await world.gql(mine.secret, '{ workspace { name slug } }')
  expect(after.data.workspace).toEqual({ name: mine.slug, slug: mine.slug })
})

// An old header must not lead a client, with all that it sends, into somebody else's workspace.
test('updateWorkspace: the slug that it gave up is no other workspace’s, and leads to none', async () => {
  const [mine, stranger] = [await world.createWorkspace(), await world.createWorkspace()]
  const token = await signIn.person('client')
  await signIn.invite(mine, 'client')
  await signIn.invite(stranger, 'client', 'OWNER')
  expect(await whoIs(world, token, mine.slug)).toMatchObject({ workspace: { id: mine.id } })
  expect(await rename(mine, newSlug())).toEqual(['done'])

  expect(await rename(stranger, mine.slug)).toEqual(taken)
  const maker = await signIn.person('maker')
  const input = { name: 'Not mine', slug: mine.slug }
  expect(await outcome(world, maker, 'createWorkspace', input)).toEqual(taken)
  for (const secret of [token, mine.secret]) {
    const headers = { 'x-workspace-id': mine.slug }
    const { status } = await world.gql(secret, '{ viewer { kind } }', undefined, { headers })
    expect(status).toBe(404)
  }
})

test('updateWorkspace: a workspace takes its own former slug back', async () => {
  const mine = await world.createWorkspace()
  const slug = newSlug()
  for (const next of [slug, mine.slug, slug, mine.slug]) {
    expect(await rename(mine, next)).toEqual(['done'])
    const headers = { 'x-workspace-id': next }
    const { data } = await world.gql(mine.secret, '{ workspace { slug } }', undefined, { headers })
    expect(data.workspace.slug).toBe(next)
  }
})

// Else one workspace could take all slugs there are.
test('updateWorkspace: a workspace has ten slugs, former ones included', async () => {
  const mine = await world.createWorkspace()
  for (let had = 1; had < 10; had++) expect(await rename(mine, newSlug())).toEqual(['done'])
  const late = newSlug()
  expect(await rename(mine, late)).toEqual(['LIMIT_REACHED input.slug'])
  expect(await rename(mine, mine.slug)).toEqual(['done'])
  expect(await rename(await world.createWorkspace(), late)).toEqual(['done'])
})

test('updateWorkspace: a slug that was refused together with something else is free', async () => {
  const mine = await world.createWorkspace()
  const slug = newSlug()
  const { apiKey } = await done(world, mine.secret, 'createApiKey', 'apiKey { id }', {
    name: 'Old',
    permissions: ['*'],
    allSpaces: true,
  })
  await done(world, mine.secret, 'updateWorkspace', 'workspace { id }', { maxKeyLifetimeDays: 1 })
  await world.deps.prisma.apiKey.update({
    where: { workspaceId_id: { workspaceId: mine.id, id: apiKey.id } },
    data: { createdAt: new Date(0) },
  })
  const { secret } = await done(world, mine.secret, 'createApiKey', 'secret', {
    name: 'Admin',
    permissions: ['workspace:read', 'workspace:update'],
  })
  const relaxed = { slug, maxKeyLifetimeDays: null }
  expect(await outcome(world, secret, 'updateWorkspace', relaxed)).not.toEqual(['done'])
  expect(await rename(await world.createWorkspace(), slug)).toEqual(['done'])
})

test('of several workspaces that take one slug at once, one gets it, and no other ever', async () => {
  const workspaces = await Promise.all(Array.from({ length: 4 }, () => world.createWorkspace()))
  const slug = newSlug()
  const outcomes = await Promise.all(workspaces.map((workspace) => rename(workspace, slug)))
  expect(outcomes.filter(([first]) => first === 'done')).toHaveLength(1)
  expect(outcomes.filter(([first]) => first === taken[0])).toHaveLength(3)
  const winner = workspaces[outcomes.findIndex(([first]) => first === 'done')]
  if (winner === undefined) throw new Error('nobody got it')
  await rename(winner, newSlug())
  const others = workspaces.filter((workspace) => workspace !== winner)
  for (const other of others) expect(await rename(other, slug)).toEqual(taken)
})

test('latchkey demo: does not take the slug that another workspace had', async () => {
  const stranger = await world.createWorkspace()
  expect(await rename(stranger, 'example')).toEqual(['done'])
  expect(await rename(stranger, stranger.slug)).toEqual(['done'])
  await expect(fillExampleWorkspace(world.deps)).rejects.toThrow('"example"')
  expect(await world.deps.prisma.workspace.count({ where: { slug: 'example' } })).toBe(0)
})
