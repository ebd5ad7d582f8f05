import { afterAll, beforeAll, expect, test } from 'vitest'
import { humanKey } from '../setup/human.ts'
import { done, seed } from '../setup/seed.ts'
import { view } from '../setup/view.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { createSignInWorld, join, membersOf, type SignInWorld, whoIs } from './sign-in-world.ts'

let signIn: SignInWorld
let workspace: TestWorkspace
const nobody = '401 UNAUTHENTICATED UNKNOWN'

beforeAll(async () => {
  signIn = await createSignInWorld()
  workspace = await signIn.world.createWorkspace()
})
afterAll(() => signIn.close())

const enter = (name: string, role?: string) => signIn.invite(workspace, name, role)
const tell = async (token: string) => {
  const who = await whoIs(signIn.world, token)
  return typeof who === 'string' ? who : who.role
}

test('a verified e-mail claims the membership that waits for it', async () => {
  const { world, person } = signIn
  const id = await enter('Ada.Lovelace', 'BUILDER')
  const token = await person('ada', { email: 'ada.lovelace@EXAMPLE.com', name: 'Ada' })
  expect(await whoIs(world, token)).toMatchObject({
    kind: 'HUMAN',
    role: 'BUILDER',
    user: { name: 'Ada.Lovelace@example.com', email: 'Ada.Lovelace@example.com' },
    workspace: { id: workspace.id },
  })
  expect(await membersOf(world, workspace)).toMatchObject({
    'Ada.Lovelace@example.com': { id, role: 'BUILDER' },
  })
})

test('who is not waited for is nobody, until they are', async () => {
  const token = await signIn.person('early')
  expect(await tell(token)).toBe(nobody)
  await enter('early')
  expect(await tell(token)).toBe('MEMBER')
})

test.each([
  ['is not verified', { email_verified: false }],
  ['is not said to be verified', { email_verified: undefined }],
  ['is not verified in text', { email_verified: 'false' }],
  ['is verified in another text', { email_verified: 'yes' }],
  ['is verified by a number', { email_verified: 1 }],
  ['is a list', { email: ['unverified@example.com'] }],
  ['is somebody else’s', { email: 'somebody@example.com' }],
])('an e-mail that %s claims nothing', async (_name, claims) => {
  await enter('unverified').catch(() => undefined)
  expect(await tell(await signIn.person('unverified', claims))).toBe(nobody)
})

test('an e-mail that is verified in text claims what waits for it', async () => {
  await enter('in-text', 'BUILDER')
  expect(await tell(await signIn.person('in-text', { email_verified: 'true' }))).toBe('BUILDER')
})

test('a claimed membership is matched by no e-mail again: a recycled address moves nothing', async () => {
  await enter('recycled', 'ADMIN')
  expect(await tell(await signIn.person('first', { email: 'recycled@example.com' }))).toBe('ADMIN')
  expect(await tell(await signIn.person('second', { email: 'recycled@example.com' }))).toBe(nobody)
  expect(await tell(await signIn.person('first', { email: 'recycled@example.com' }))).toBe('ADMIN')
})

test('a changed e-mail moves nothing, and without one a person is who they were', async () => {
  await enter('before', 'BUILDER')
  await enter('owner-to-be', 'OWNER')
  expect(await tell(await signIn.person('mover', { email: 'before@example.com' }))).toBe('BUILDER')
  // Waits for whoever has that address and is no member yet; the mover is one.
  const moved = { email: 'owner-to-be@example.com' }
  expect(await tell(await signIn.person('mover', moved))).toBe('BUILDER')
  expect(await tell(await signIn.person('mover', { email: undefined }))).toBe('BUILDER')
  expect(await tell(await signIn.person('other', moved))).toBe('OWNER')
})

// Its small letter is an ordinary k, but the mailbox is another.
test('an address that only folds to the entered one claims nothing', async () => {
  await enter('kate')
  const token = await signIn.person('kelvin', { email: '\u212Aate@example.com' })
  expect(await tell(token)).toBe(nobody)
  expect(await tell(await signIn.person('kate', { email: 'KATE@Example.COM' }))).toBe('MEMBER')
})

test('the same subject of another issuer is another person', async () => {
  const { world, issuer } = signIn
  await enter('ida')
  expect(await tell(await signIn.person('ida'))).toBe('MEMBER')
  await world.deps.prisma.identity.updateMany({
    where: { subject: 'ida', issuer: issuer.url },
    data: { issuer: 'https://former.example' },
  })
  expect(await tell(await signIn.person('ida'))).toBe(nobody)
})

test('a membership passes with the keys, agents and spaces of the user it was entered for', async () => {
  const { world, person, invite } = signIn
  const elsewhere = await world.createWorkspace()
  await invite(elsewhere, 'keeper')
  expect(await tell(await person('keeper'))).toBe('MEMBER')

  const make = seed(world, workspace.secret)
  const space = await make.space({ name: 'of the keeper', visibility: 'RESTRICTED' })
  const memberId = await enter('keeper', 'BUILDER')
  await done(world, workspace.secret, 'addSpaceMember', 'space { id }', {
    spaceId: space,
    memberId,
  })
  const members = await membersOf(world, workspace)
  const userId = members['keeper@example.com']?.userId ?? ''
  const terms = { permissions: ['keys:read', 'spaces:read', 'agents:*'], allSpaces: true }
  const key = await humanKey(world, workspace, { memberId, userId }, terms)
  const agent = { name: 'Made by the keeper', spaceIds: [space] }
  const { agent: made } = await done(world, key.secret, 'createAgent', 'agent { id }', agent)
  const before = await view(world, key.secret)

  const token = await person('keeper')
  const headers = { 'x-workspace-id': workspace.slug }
  const query = `query ($agent: ID!) {
    viewer { user { id } }
    apiKeys { nodes { id } }
    space(id: "${space}") { id }
    agent(id: $agent) { createdBy { id } } }`
  const { data } = await world.gql(token, query, { agent: made.id }, { headers })
  const { id } = data.viewer.user
  expect(id).not.toBe(userId)
  expect(data).toMatchObject({
    apiKeys: { nodes: [{ id: key.id }] },
    space: { id: space },
    agent: { createdBy: { id } },
  })
  expect(await view(world, key.secret)).toEqual(before)
  expect((await membersOf(world, workspace))['keeper@example.com']).toMatchObject({
    id: memberId,
    userId: id,
  })
})

test('a sign-in claims in each workspace that it names, and tells each in its audit', async () => {
  const { world, person, invite, issuer } = signIn
  const others = [await world.createWorkspace(), await world.createWorkspace()]
  for (const other of others) await invite(other, 'many', 'ADMIN')
  const token = await person('many', { name: 'Many Names', email: 'MANY@example.com' })
  await join(world, token, others)
  const { data } = await world.gql(
    token,
    '{ viewer { user { id } role } workspaces { nodes { id } } }',
  )
  expect(data.viewer.role).toBeNull()
  const ids = others.map(({ id }) => id).sort()
  expect(data.workspaces.nodes.map(({ id }: { id: string }) => id).sort()).toEqual(ids)
  for (const { id } of others) {
    const [event, ...more] = await world.deps.prisma.auditEvent.findMany({
      where: { workspaceId: id, action: 'member.claimed' },
    })
    expect(more).toEqual([])
    expect(event).toMatchObject({
      actorKind: 'HUMAN',
      actorId: data.viewer.user.id,
      actorName: 'many@example.com',
      apiKeyId: null,
      targetName: 'many@example.com',
    })
    // The user of one of the memberships became the person; the other membership passed to it.
    const changes = JSON.parse(event?.changes ?? '').filter(
      ({ field }: { field: string }) => field !== 'userId',
    )
    expect(changes).toEqual([
      { field: 'issuer', before: 'null', after: JSON.stringify(issuer.url) },
      { field: 'subject', before: 'null', after: '"many"' },
    ])
  }
})

test('a machine user is never claimed, nor a member who was removed', async () => {
  const { world } = signIn
  const machine = await seed(world, workspace.secret).machine({ name: 'robot', role: 'ADMIN' })
  await world.deps.prisma.member.update({
    where: { workspaceId_id: { workspaceId: workspace.id, id: machine.id } },
    data: { email: 'robot@example.com', emailKey: 'robot@example.com' },
  })
  expect(await tell(await signIn.person('robot'))).toBe(nobody)
  const id = await enter('gone')
  await done(world, workspace.secret, 'removeMember', 'member { id }', { id })
  expect(await tell(await signIn.person('gone'))).toBe(nobody)
})
