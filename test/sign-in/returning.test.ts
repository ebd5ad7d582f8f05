import { afterAll, beforeAll, expect, test } from 'vitest'
import { humanKey } from '../setup/human.ts'
import { done, seed } from '../setup/seed.ts'
import { view } from '../setup/view.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { createSignInWorld, membersOf, type SignInWorld, whoIs } from './sign-in-world.ts'

let signIn: SignInWorld
let workspace: TestWorkspace

beforeAll(async () => {
  signIn = await createSignInWorld()
  workspace = await signIn.world.createWorkspace()
})
afterAll(() => signIn.close())

const remove = (id: string) =>
  done(signIn.world, workspace.secret, 'removeMember', 'member { id }', { id })

test('a removed person is out with the next request, and names no workspace of ours', async () => {
  const { world, person, invite } = signIn
  const id = await invite(workspace, 'leaver', 'OWNER')
  const token = await person('leaver')
  expect(await whoIs(world, token)).toMatchObject({ role: 'OWNER' })
  await remove(id)
  expect(await whoIs(world, token)).toMatchObject({ kind: 'HUMAN', role: null, workspace: null })
  expect(await whoIs(world, token, workspace.id)).toBe('404 WORKSPACE_NOT_FOUND')
  const { data } = await world.gql(token, '{ workspaces { nodes { id } } }')
  expect(data.workspaces.nodes).toEqual([])
})

test('who is entered anew gets their membership back, with what waited, and no revoked key', async () => {
  const { world, person, invite } = signIn
  const first = await invite(workspace, 'returner', 'ADMIN')
  const token = await person('returner')
  const who = await whoIs(world, token)
  if (typeof who === 'string') throw new Error(who)
  const mine = { name: 'mine', permissions: ['*'], allSpaces: true }
  const { secret } = await done(world, token, 'createApiKey', 'secret', mine)
  await remove(first)
  expect(await view(world, secret)).toBe('OWNER_REMOVED')

  const second = await invite(workspace, 'returner', 'BUILDER')
  await done(world, workspace.secret, 'updateMember', 'member { id }', {
    id: second,
    name: 'Returned',
  })
  const space = await seed(world, workspace.secret).space({
    name: 'for the returner',
    visibility: 'RESTRICTED',
  })
  await done(world, workspace.secret, 'addSpaceMember', 'space { id }', {
    spaceId: space,
    memberId: second,
  })
  const waiting = (await membersOf(world, workspace))['returner@example.com']
  const human = { memberId: second, userId: waiting?.userId ?? '' }
  const key = await humanKey(world, workspace, human, {
    permissions: ['agents:*', 'sessions:*'],
    allSpaces: true,
  })
  const agent = { name: 'Made while waiting', spaceIds: [space] }
  const { agent: made } = await done(world, key.secret, 'createAgent', 'agent { id }', agent)
  await done(world, key.secret, 'createSession', 'session { id }', { agentId: made.id })

  expect(await whoIs(world, token)).toMatchObject({
    role: 'BUILDER',
    user: { id: who.user.id, name: 'Returned', email: 'returner@example.com' },
  })
  expect((await membersOf(world, workspace))['returner@example.com']).toMatchObject({
    id: first,
    userId: who.user.id,
    role: 'BUILDER',
  })
  const query = `query ($agent: ID!) {
    apiKeys { nodes { id status owner { id } } }
    space(id: "${space}") { id }
    agent(id: $agent) { createdBy { id } }
    sessions(filter: { mine: true }) { nodes { createdById } } }`
  const { data } = await world.gql(token, query, { agent: made.id })
  expect(data.apiKeys.nodes).toEqual([
    { id: key.id, status: 'ACTIVE', owner: { id: who.user.id } },
    expect.objectContaining({ status: 'REVOKED' }),
  ])
  expect(data.space).toEqual({ id: space })
  expect(data.agent.createdBy).toEqual({ id: who.user.id })
  expect(data.sessions.nodes).toEqual([{ createdById: who.user.id }])
  expect(await view(world, secret)).toBe('OWNER_REMOVED')
  expect(await view(world, key.secret)).toMatchObject({ spaces: { [space]: expect.any(Array) } })
})

// Whoever adds a table that refers to a member gives its rows to the member who comes back.
test('every column that refers to a member is passed on', async () => {
  const { prisma } = signIn.world.deps
  const columns = await prisma.$queryRaw<{ name: string }[]>`
    SELECT c.conrelid::regclass::text || '.' || a.attname AS name
      FROM pg_constraint c
      JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[2]
     WHERE c.contype = 'f' AND c.confrelid = '"Member"'::regclass`
  expect(columns.map(({ name }) => name).sort()).toEqual([
    '"Agent".createdById',
    '"ApiKey".createdById',
    '"ApiKey".ownerId',
    '"ApiKey".revokedById',
    '"ApiKeySecret".receiverId',
    '"Document".createdById',
    '"Run".createdById',
    '"Session".createdById',
    '"SpaceMember".memberId',
  ])
})
