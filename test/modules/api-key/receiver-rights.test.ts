import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'
import { createSignInWorld, type SignInWorld, whoIs } from '../../sign-in/sign-in-world.ts'
import { inSeconds, mint, rotate as rotateToken } from '../access-token/ask.ts'
import { attempt, directly } from './ask.ts'

let signIn: SignInWorld
let world: World
let workspace: TestWorkspace
let make: ReturnType<typeof seed>
/** A machine user, whose secrets may be given to whoever could grant their keys. */
let robot: string

beforeAll(async () => {
  signIn = await createSignInWorld()
  world = signIn.world
})
afterAll(() => signIn.close())

beforeEach(async () => {
  workspace = await world.createWorkspace()
  make = seed(world, workspace.secret)
  robot = (await make.machine({ name: 'Robot', role: 'ADMIN' })).userId
})

let count = 0
const name = (): string => `name ${++count}`
const manages = ['members:read', 'scopes:read', 'keys:read', 'keys:create', 'keys:update']
const asOwner = (mutation: string, selection: string, input: object): Promise<any> =>
  done(world, workspace.secret, mutation, selection, { ...input })
const own = (mutation: string, input: object) =>
  attempt(world, workspace.secret, mutation, { ...input })

const ok = { codes: [] }
const refused = { codes: ['PERMISSION_NOT_GRANTABLE'], paths: [['input', 'id']] }

const manager = (permissions: readonly string[] = [], more: object = {}) =>
  make.key({ name: name(), permissions: [...manages, ...permissions], ...more })

/** A key of the machine user whose only secret was given to the holder of `secret`. */
const madeBy = async (secret: string, input: object = {}) =>
  await seed(world, secret).key({ name: name(), ownerId: robot, ...input })

const widened = (id: string, permissions: readonly string[] = ['agents:read']) =>
  own('updateApiKey', { id, permissions })

/** Gives the owner a new secret of the key; no other works on. */
const takeOver = (id: string) => asOwner('rotateApiKey', 'secret', { id, overlapSeconds: 0 })

// Each of these may have handed the secret on, and holds nothing that would let them have more.
test.each<[string, (holder: { id: string; secret: string }) => Promise<unknown>]>([
  ['is revoked', ({ id }) => asOwner('revokeApiKey', '__typename', { id })],
  ['is disabled', ({ id }) => asOwner('disableApiKey', '__typename', { id })],
  [
    'has expired',
    ({ id }) =>
      directly(world, workspace.id, (prisma) =>
        prisma.apiKey.updateMany({ where: { id }, data: { expiresAt: inSeconds(-1) } }),
      ),
  ],
  [
    'is somebody else’s by now',
    ({ id }) => asOwner('rotateApiKey', 'secret', { id, overlapSeconds: 0 }),
  ],
  [
    'is given away',
    async ({ id }) => {
      const { userId } = await make.machine({ name: name(), role: 'ADMIN' })
      await asOwner('transferApiKey', 'secret', { id, ownerId: userId })
    },
  ],
  [
    'has lost its owner',
    async () => {
      const member = { workspaceId: workspace.id, userId: robot }
      const { id } = await world.deps.prisma.member.findFirstOrThrow({ where: member })
      await asOwner('removeMember', '__typename', { id })
    },
  ],
])('updateApiKey: a receiver whose key %s holds nothing', async (_, end) => {
  const holder = await manager(['agents:read'], { ownerId: robot })
  const other = (await make.machine({ name: name(), role: 'ADMIN' })).userId
  const key = await madeBy(holder.secret, { ownerId: other })
  expect(await widened(key.id, ['keys:read'])).toMatchObject(ok)
  await end(holder)
  expect(await widened(key.id)).toMatchObject(refused)
  expect(await own('updateApiKey', { id: key.id, permissions: [] })).toMatchObject(ok)
  await takeOver(key.id)
  expect(await widened(key.id)).toMatchObject(ok)
})

test('updateApiKey: a receiver whose key rotates itself holds it still', async () => {
  const holder = await manager(['agents:read'])
  const key = await madeBy(holder.secret)
  await done(world, holder.secret, 'rotateApiKey', 'secret', { id: holder.id, overlapSeconds: 0 })
  expect(await widened(key.id)).toMatchObject(ok)
})

test('updateApiKey: a token that was given a secret is a receiver of its own, as its successors are', async () => {
  const holder = await manager(['agents:read', 'agents:run'])
  const token = await mint(world, holder.secret, { permissions: [...manages, 'agents:read'] })
  const expiresAt = inSeconds(120).toISOString()
  const key = await madeBy(token.token, { expiresAt })
  await rotateToken(world, token.token)
  expect(await widened(key.id)).toMatchObject(ok)
  expect(await widened(key.id, ['agents:read', 'agents:run'])).toMatchObject(refused)
  await asOwner('revokeAccessTokens', '__typename', { apiKeyId: holder.id })
  expect(await widened(key.id, ['keys:read'])).toMatchObject(refused)
})

// What the operator gave to whom is theirs to know.
test('updateApiKey: a secret that the operator gave bounds nothing', async () => {
  const { keyId } = workspace
  const admin = await make.key({ name: name(), permissions: ['*'], allSpaces: true })
  const update = (permissions: string[]) =>
    attempt(world, admin.secret, 'updateApiKey', { id: keyId, permissions })
  expect(await update(['keys:read'])).toMatchObject(ok)
  expect(await update(['*'])).toMatchObject(ok)
})

/** A person who has signed in with that role. */
async function signedIn(role: string): Promise<{ id: string; token: string }> {
  const sub = `person-${++count}`
  const id = await signIn.invite(workspace, sub, role)
  const token = await signIn.person(sub)
  expect(await whoIs(world, token)).toMatchObject({ role })
  return { id, token }
}

test('updateApiKey: a person who was given a secret counts by their role of now', async () => {
  const { id, token } = await signedIn('ADMIN')
  const key = await madeBy(token)
  expect(await widened(key.id)).toMatchObject(ok)
  await asOwner('updateMember', '__typename', { id, role: 'MEMBER' })
  expect(await widened(key.id, ['agents:read', 'agents:create'])).toMatchObject(refused)
  await asOwner('updateMember', '__typename', { id, role: 'ADMIN' })
  expect(await widened(key.id, ['agents:read', 'agents:create'])).toMatchObject(ok)
  await asOwner('removeMember', '__typename', { id })
  expect(await widened(key.id, ['*:read'])).toMatchObject(refused)
  await takeOver(key.id)
  expect(await widened(key.id, ['*:read'])).toMatchObject(ok)
})

// Their live role cuts it, as it does where they widen it themselves.
test('updateScope: the own key of a person who was given it by signing in may declare more than their role', async () => {
  const { token } = await signedIn('BUILDER')
  const scopeId = await make.scope({ name: name(), permissions: [] })
  const key = await seed(world, token).key({ name: name(), scopeIds: [scopeId] })
  const permissions = ['members:read', 'members:create']
  expect(await own('updateScope', { id: scopeId, permissions })).toMatchObject(ok)
  const { data } = await world.gql(key.secret, '{ viewer { permissions } }')
  expect(data.viewer.permissions).toEqual(['members:read'])
})
