import { afterAll, beforeAll, expect, test } from 'vitest'
import { recordDenials } from '../../src/modules/audit/record-denials.ts'
import { outcome } from '../setup/outcome.ts'
import { done, seed } from '../setup/seed.ts'
import { view } from '../setup/view.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { createSignInWorld, type SignInWorld, whoIs } from './sign-in-world.ts'

let signIn: SignInWorld
let workspace: TestWorkspace
let make: ReturnType<typeof seed>
let open = ''
let closed = ''

beforeAll(async () => {
  signIn = await createSignInWorld()
  workspace = await signIn.world.createWorkspace()
  make = seed(signIn.world, workspace.secret)
  open = await make.space({ name: 'open', visibility: 'OPEN' })
  closed = await make.space({ name: 'closed', visibility: 'RESTRICTED' })
})
afterAll(() => signIn.close())

/** A person of that role with their token and membership. */
async function member(name: string, role: string) {
  const id = await signIn.invite(workspace, name, role)
  const token = await signIn.person(name)
  const who = await whoIs(signIn.world, token)
  if (typeof who === 'string') throw new Error(who)
  return { id, token, userId: who.user.id as string }
}

const ask = (secret: string, mutation: string, input: object) =>
  outcome(signIn.world, secret, mutation, { ...input })

test('a sign-in has all that its role can do, in the spaces of the role', async () => {
  const { world } = signIn
  const owner = await member('an-owner', 'OWNER')
  expect(await view(world, owner.token)).toMatchObject({ allSpaces: true })
  expect(await view(world, owner.token)).toEqual(await view(world, workspace.secret))
  const builder = await member('a-builder', 'BUILDER')
  const seen = await view(world, builder.token)
  if (typeof seen === 'string') throw new Error(seen)
  expect(Object.keys(seen.spaces)).toEqual([open])
  expect(seen.permissions).toContain('keys:create')
  expect(await ask(builder.token, 'createSpace', { name: 'x' })).toEqual([
    'FORBIDDEN spaces:create',
  ])
})

test('one’s own key may say "*": it can do what the live role can, and no more', async () => {
  const { world } = signIn
  const { id, token } = await member('star', 'BUILDER')
  const input = { name: 'all', permissions: ['*'], allSpaces: true }
  const payload = await done(
    world,
    token,
    'createApiKey',
    'secret apiKey { createdByKeyId }',
    input,
  )
  expect(payload.apiKey.createdByKeyId).toBeNull()
  const { secret } = payload
  expect(await view(world, secret)).toEqual(await view(world, token))
  expect(await ask(secret, 'createSpace', { name: 'x' })).toEqual(['FORBIDDEN spaces:create'])
  // A key is not the person: what it makes is compared with what it can do.
  expect(await ask(secret, 'createApiKey', { ...input, name: 'more' })).toContain(
    'PERMISSION_NOT_GRANTABLE input.permissions.0',
  )
  await done(world, workspace.secret, 'updateMember', 'member { id }', { id, role: 'ADMIN' })
  expect(await view(world, secret)).toEqual(await view(world, token))
  expect(await ask(secret, 'createSpace', { name: 'by the admin’s key' })).toEqual(['done'])
})

test('a key for anybody else must not exceed the person who makes it', async () => {
  const builder = await member('maker', 'BUILDER')
  const robot = await make.machine({ name: 'robot', role: 'ADMIN', spaceIds: [closed] })
  const forRobot = (input: object) =>
    ask(builder.token, 'createApiKey', { ownerId: robot.userId, ...input })
  expect(await forRobot({ name: 'small', permissions: ['keys:read'] })).not.toContain('done')
  const admin = await member('admin', 'ADMIN')
  const asAdmin = (input: object) =>
    ask(admin.token, 'createApiKey', { ownerId: robot.userId, ...input })
  // Only members:own is beyond an ADMIN, and no machine user can hold it.
  expect(await asAdmin({ name: 'all', permissions: ['*'], allSpaces: true })).toEqual(['done'])
  expect(await asAdmin({ name: 'own', permissions: ['members:read', 'members:own'] })).toEqual([
    'done',
  ])
  const forOther = { ownerId: builder.userId, name: 'for another', permissions: [] }
  expect(await ask(admin.token, 'createApiKey', forOther)).not.toContain('done')
})

test('a space out of reach is not there for one’s own key either', async () => {
  const { token } = await member('narrow', 'BUILDER')
  const input = { name: 'narrow', permissions: ['*'], spaces: [{ spaceId: closed }] }
  expect(await ask(token, 'createApiKey', input)).toEqual(['NOT_FOUND input.spaces.0.spaceId'])
  const reached = { ...input, spaces: [{ spaceId: open }] }
  expect(await ask(token, 'createApiKey', reached)).toEqual(['done'])
})

test('a demotion counts with the next request, also for one’s own keys', async () => {
  const { world } = signIn
  const { id, token } = await member('demoted', 'ADMIN')
  const input = { name: 'mine', permissions: ['*'], allSpaces: true }
  const { secret } = await done(world, token, 'createApiKey', 'secret', input)
  expect(await ask(token, 'createSpace', { name: 'while admin' })).toEqual(['done'])
  await done(world, workspace.secret, 'updateMember', 'member { id }', { id, role: 'MEMBER' })
  for (const credential of [token, secret])
    expect(await ask(credential, 'createSpace', { name: 'after' })).toEqual([
      'FORBIDDEN spaces:create',
    ])
  expect(await whoIs(world, token)).toMatchObject({ role: 'MEMBER' })
})

test('a person leaves by their sign-in without any permission, and not by a key of theirs', async () => {
  const { world } = signIn
  const { id, token } = await member('leaving', 'MEMBER')
  const other = await member('staying', 'MEMBER')
  const input = { name: 'mine', permissions: ['*'], allSpaces: true }
  const { secret } = await done(world, token, 'createApiKey', 'secret', input)
  expect(await ask(secret, 'removeMember', { id })).toEqual(['FORBIDDEN members:delete'])
  expect(await ask(token, 'removeMember', { id: other.id })).toEqual(['FORBIDDEN members:delete'])
  const left = await done(world, token, 'removeMember', 'member { id } revokedKeyCount', { id })
  expect(left).toMatchObject({ member: { id }, revokedKeyCount: 1 })
  expect(await view(world, secret)).toBe('OWNER_REMOVED')
  expect(await whoIs(world, token)).toMatchObject({ workspace: null })
})

test('the last human OWNER stays', async () => {
  const { world, invite, person } = signIn
  const own = await world.createWorkspace()
  const id = await invite(own, 'successor', 'OWNER')
  const token = await person('successor')
  expect(await whoIs(world, token)).toMatchObject({ role: 'OWNER' })
  const first = { id: own.ownerMemberId }
  await done(world, token, 'removeMember', 'member { id }', first)
  expect(await ask(token, 'removeMember', { id })).toEqual(['WRONG_STATE input.id'])
})

test('one’s keys are listed to one’s sign-in, whatever spaces they name', async () => {
  const { world } = signIn
  const { id, token } = await member('lister', 'BUILDER')
  await done(world, workspace.secret, 'addSpaceMember', 'space { id }', {
    spaceId: closed,
    memberId: id,
  })
  const input = { name: 'in the closed', permissions: ['keys:read'], spaces: [{ spaceId: closed }] }
  const { apiKey } = await done(world, token, 'createApiKey', 'apiKey { id }', input)
  await done(world, workspace.secret, 'removeSpaceMember', 'space { id }', {
    spaceId: closed,
    memberId: id,
  })
  const list = async (secret: string) =>
    (await world.gql(secret, '{ apiKeys { nodes { id } } }')).data.apiKeys.nodes
  expect(await list(token)).toEqual([apiKey])
  expect(await ask(token, 'revokeApiKey', { id: apiKey.id })).toEqual(['done'])
})

test('the audit tells the person, and no key', async () => {
  const { world } = signIn
  const { token, userId } = await member('told', 'ADMIN')
  const { space } = await done(world, token, 'createSpace', 'space { id }', { name: 'told' })
  const event = await world.deps.prisma.auditEvent.findFirstOrThrow({
    where: { workspaceId: workspace.id, targetId: space.id },
  })
  expect(event).toMatchObject({
    actorKind: 'HUMAN',
    actorId: userId,
    actorName: 'told@example.com',
    apiKeyId: null,
    accessTokenId: null,
  })
})

test('neither a log nor an answer holds a token', async () => {
  const { world, person } = signIn
  const strange = await person('strange')
  const known = (await member('logged', 'MEMBER')).token
  for (const token of [strange, known, `${known}x`]) {
    const answer = await world.gql(token, '{ viewer { kind } nothing }')
    expect(JSON.stringify(answer)).not.toContain(token.slice(-20))
  }
  const logs = world.logs.join('\n')
  for (const token of [strange, known]) expect(logs).not.toContain(token.slice(-20))
})

test('what was denied to a person is in the audit under their name, once', async () => {
  const { world } = signIn
  const builder = await member('denied', 'BUILDER')
  for (const name of ['x', 'y']) await ask(builder.token, 'createSpace', { name })
  await recordDenials(world.deps)
  const events = await world.deps.prisma.auditEvent.findMany({
    where: { workspaceId: workspace.id, action: 'request.denied', actorId: builder.userId },
  })
  const its = {
    actorKind: 'HUMAN',
    actorName: 'denied@example.com',
    apiKeyId: null,
    targetId: builder.userId,
  }
  expect(events).toMatchObject([its])
  expect(JSON.parse(events[0]?.changes ?? '')).toContainEqual({
    ...{ field: 'missingPermissions', before: 'null', after: '["spaces:create"]' },
  })
})
