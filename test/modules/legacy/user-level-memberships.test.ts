import { afterAll, expect, test } from 'vitest'
import { done } from '../../setup/seed.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { createSignInWorld, join, membersOf, whoIs } from '../../sign-in/sign-in-world.ts'
import { directly } from '../api-key/ask.ts'
import { expectWhole } from '../audit/expect-whole.ts'
import { eventsOf, importUserLevelKey, inWorkspace, roleIn } from './user-level.ts'

const signIn = await createSignInWorld({ signUp: true })
const { world } = signIn
afterAll(() => signIn.close())

/** The id of the user whom a workspace knows by that name. */
const userOf = async (workspace: TestWorkspace, name: string): Promise<string> =>
  (await membersOf(world, workspace))[`${name}@example.com`]?.userId ?? ''

const create = async (token: string, slug: string): Promise<string> => {
  const input = { name: slug, slug }
  const { workspace } = await done(world, token, 'createWorkspace', 'workspace { id }', input)
  return workspace.id
}

const imported = (name: string) => `api_key.imported by ${name}`

test('a workspace that its owner makes or comes into later is one of its own from then on', async () => {
  const [home, away] = [await world.createWorkspace(), await world.createWorkspace()]
  await signIn.invite(home, 'mover', 'BUILDER')
  const token = await signIn.person('mover')
  await whoIs(world, token)
  const key = await importUserLevelKey(world, await userOf(home, 'mover'))
  expect(await roleIn(world, key.secret)).toBe('BUILDER')

  const made = await create(token, 'of-the-mover')
  expect(await roleIn(world, key.secret, made)).toBe('OWNER')
  expect(await roleIn(world, key.secret)).toBe('API_KEY in none')
  expect(await eventsOf(world, { id: made }, key.id)).toEqual([imported('mover@example.com')])

  expect(await roleIn(world, key.secret, away)).toBe('404 WORKSPACE_NOT_FOUND')
  await signIn.invite(away, 'mover', 'ADMIN')
  // What waits for its owner is not theirs before they claim it.
  expect(await roleIn(world, key.secret, away)).toBe('404 WORKSPACE_NOT_FOUND')
  await whoIs(world, token, away.id)
  expect(await roleIn(world, key.secret, away)).toBe('ADMIN')
  for (const workspace of [home, away, { id: made }]) await expectWhole(world, workspace)
})

test('one that was revoked everywhere is entered nowhere', async () => {
  const home = await world.createWorkspace()
  await signIn.invite(home, 'careful')
  const token = await signIn.person('careful')
  await whoIs(world, token)
  const key = await importUserLevelKey(world, await userOf(home, 'careful'))
  await done(world, key.secret, 'revokeApiKey', 'apiKey { id }', { id: key.id })
  const made = await create(token, 'of-the-careful')
  expect(await eventsOf(world, { id: made }, key.id)).toEqual([])
  expect(await roleIn(world, key.secret, made)).toBe('401 REVOKED')
})

// It would come back as its owner's own, and stronger than it was where it was ended.
test('one that was revoked wherever it lived is entered nowhere', async () => {
  const home = await world.createWorkspace()
  await signIn.invite(home, 'suspect')
  const token = await signIn.person('suspect')
  await whoIs(world, token)
  const key = await importUserLevelKey(world, await userOf(home, 'suspect'))
  await done(world, home.secret, 'revokeApiKey', 'apiKey { id }', { id: key.id })
  const made = await create(token, 'of-the-suspect')
  expect(await roleIn(world, key.secret, made)).toBe('404 WORKSPACE_NOT_FOUND')
  expect(await eventsOf(world, { id: made }, key.id)).toEqual([])
  expect(await roleIn(world, key.secret)).toBe('401 REVOKED')
})

test('one that lives on somewhere, or has never lived anywhere, is entered', async () => {
  const [home, other] = [await world.createWorkspace(), await world.createWorkspace()]
  for (const workspace of [home, other]) await signIn.invite(workspace, 'stayer')
  const token = await signIn.person('stayer')
  await join(world, token, [home, other])
  const person = await userOf(home, 'stayer')
  const key = await importUserLevelKey(world, person)
  await done(world, home.secret, 'revokeApiKey', 'apiKey { id }', { id: key.id })
  await done(world, other.secret, 'disableApiKey', 'apiKey { id }', { id: key.id })
  const young = await importUserLevelKey(world, person)
  // As if they had been in no workspace when it was imported.
  for (const { id } of [home, other])
    await directly(world, id, (prisma) =>
      prisma.apiKey.delete({ where: { workspaceId_id: { workspaceId: id, id: young.id } } }),
    )
  const made = await create(token, 'of-the-stayer')
  for (const { secret } of [key, young]) expect(await roleIn(world, secret, made)).toBe('OWNER')
})

test('one of a person who has never signed in is theirs once they have', async () => {
  const home = await world.createWorkspace()
  await signIn.invite(home, 'late', 'ADMIN')
  const key = await importUserLevelKey(world, await userOf(home, 'late'))
  expect(await roleIn(world, key.secret)).toBe('ADMIN')
  const token = await signIn.person('late')
  expect(await whoIs(world, token)).toMatchObject({ role: 'ADMIN' })
  expect(await roleIn(world, key.secret)).toBe('ADMIN')
  const made = await create(token, 'of-the-late')
  expect(await roleIn(world, key.secret, made)).toBe('OWNER')
})

// The person whom two workspaces entered turns out to be one: so are their keys.
test('when a waiting membership passes to a person, so do its keys, into all of their workspaces', async () => {
  const [home, other, waiting] = [
    await world.createWorkspace(),
    await world.createWorkspace(),
    await world.createWorkspace(),
  ]
  for (const workspace of [home, other]) await signIn.invite(workspace, 'joint', 'BUILDER')
  const token = await signIn.person('joint')
  await join(world, token, [home, other])
  const person = await userOf(home, 'joint')
  const theirs = await importUserLevelKey(world, person, { name: 'Same name' })
  await signIn.invite(waiting, 'joint', 'OWNER')
  const unbound = await userOf(waiting, 'joint')
  expect(unbound).not.toBe(person)
  const passed = await importUserLevelKey(world, unbound, { name: 'same NAME' })
  expect(await roleIn(world, passed.secret, home)).toBe('404 WORKSPACE_NOT_FOUND')

  await whoIs(world, token, waiting.id)
  for (const { secret } of [theirs, passed])
    expect([
      await roleIn(world, secret, home),
      await roleIn(world, secret, other),
      await roleIn(world, secret, waiting),
    ]).toEqual(['BUILDER', 'BUILDER', 'OWNER'])
  // A name stays that of one key.
  const names = async (workspace: TestWorkspace) => {
    const query = `{ apiKeys(filter: { ownerId: "${person}" }) { nodes { id name } } }`
    const { data } = await world.gql(workspace.secret, query)
    return Object.fromEntries(data.apiKeys.nodes.map((node: any) => [node.id, node.name]))
  }
  expect(await names(home)).toEqual({ [theirs.id]: 'Same name', [passed.id]: 'same NAME (2)' })
  expect(await names(waiting)).toEqual({ [theirs.id]: 'Same name (2)', [passed.id]: 'same NAME' })
  for (const workspace of [home, other]) {
    expect(await eventsOf(world, workspace, passed.id)).toEqual([imported('joint@example.com')])
    await expectWhole(world, workspace)
  }
  await expectWhole(world, waiting)

  const there = inWorkspace(world, other)
  await done(there, token, 'revokeApiKey', 'apiKey { id }', { id: passed.id })
  expect(await roleIn(world, passed.secret, waiting)).toBe('401 REVOKED')
  expect(await roleIn(world, theirs.secret, waiting)).toBe('OWNER')
})

test('who comes back finds their keys as they were when they left, and new ones', async () => {
  const [home, left] = [await world.createWorkspace(), await world.createWorkspace()]
  for (const workspace of [home, left]) await signIn.invite(workspace, 'returner')
  const token = await signIn.person('returner')
  await join(world, token, [home, left])
  const person = await userOf(home, 'returner')
  const old = await importUserLevelKey(world, person)
  const { id } = (await membersOf(world, left))['returner@example.com'] ?? {}
  await done(world, left.secret, 'removeMember', 'member { id }', { id })
  const young = await importUserLevelKey(world, person)
  expect(await roleIn(world, young.secret, left)).toBe('404 WORKSPACE_NOT_FOUND')
  await signIn.invite(left, 'returner', 'ADMIN')
  await whoIs(world, token, left.id)
  expect(await roleIn(world, old.secret, left)).toBe('401 OWNER_REMOVED')
  expect(await roleIn(world, young.secret, left)).toBe('ADMIN')
  expect(await roleIn(world, old.secret, home)).toBe('MEMBER')
})

// Whoever adds a table that refers to a user gives its rows to the person when a membership passes.
test('what belongs to a user is known', async () => {
  const columns = await world.deps.prisma.$queryRaw<{ name: string }[]>`
    SELECT c.conrelid::regclass::text || '.' || a.attname AS name
      FROM pg_constraint c
      JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
     WHERE c.contype = 'f' AND c.confrelid = '"User"'::regclass`
  expect(columns.map(({ name }) => name).sort()).toEqual([
    '"Identity".userId',
    '"Member".userId',
    '"UserLegacyKey".userId',
    '"Workspace".createdById',
  ])
})
