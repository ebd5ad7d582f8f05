import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { addHuman, humanKey } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { createSignInWorld, type SignInWorld, whoIs } from '../../sign-in/sign-in-world.ts'

let signIn: SignInWorld
/** With an owner who has a key and has never signed in. */
let workspace: TestWorkspace
let count = 0

const kept = ['WRONG_STATE input.id']

beforeAll(async () => {
  signIn = await createSignInWorld()
})
afterAll(() => signIn.close())
beforeEach(async () => {
  workspace = await signIn.world.createWorkspace()
})

/** An OWNER who has signed in, entered by who has that credential. */
async function signedInOwner(secret = workspace.secret): Promise<{ id: string; token: string }> {
  const name = `owner-${++count}`
  const id = await signIn.invite({ ...workspace, secret }, name, 'OWNER')
  const token = await signIn.person(name)
  expect(await whoIs(signIn.world, token)).toMatchObject({ role: 'OWNER' })
  return { id, token }
}

const pendingOwner = () => addHuman(signIn.world, workspace, 'OWNER')

/** What comes of removing and of demoting a member. */
const losing = async (secret: string, id: string) => [
  await outcome(signIn.world, secret, 'updateMember', { id, role: 'MEMBER' }),
  await outcome(signIn.world, secret, 'removeMember', { id }),
]

test('removeMember, updateMember: the last OWNER who can act stays, pending ones do not count', async () => {
  const { world } = signIn
  const { id, token } = await signedInOwner()
  await pendingOwner()
  await done(world, token, 'removeMember', 'member { id }', { id: workspace.ownerMemberId })
  expect(await losing(token, id)).toEqual([kept, kept])
  // With a key of their own as well: it is theirs, and goes with them.
  const all = { name: 'mine', permissions: ['*'], allSpaces: true }
  const { secret } = await done(world, token, 'createApiKey', 'secret', all)
  expect(await losing(secret, id)).toEqual([kept, kept])
  const successor = await signedInOwner(token)
  expect(await outcome(world, secret, 'updateMember', { id, role: 'ADMIN' })).toEqual(['done'])
  expect(await losing(successor.token, successor.id)).toEqual([kept, kept])
})

test('removeMember: an OWNER who acts by a key alone stays where the others are pending', async () => {
  await pendingOwner()
  const id = workspace.ownerMemberId
  expect(await losing(workspace.secret, id)).toEqual([kept, kept])
  const { token } = await done(signIn.world, workspace.secret, 'createAccessToken', 'token', {})
  expect(await losing(token, id)).toEqual([kept, kept])
  const { id: signedIn } = await signedInOwner()
  expect(await outcome(signIn.world, workspace.secret, 'removeMember', { id })).toEqual(['done'])
  expect(signedIn).not.toBe(id)
})

test('removeMember: pending OWNERs, and the only one who signed in, are removed by an owner key', async () => {
  const { world } = signIn
  const pending = await pendingOwner()
  const { id } = await signedInOwner()
  for (const owner of [pending.memberId, id])
    expect(await outcome(world, workspace.secret, 'removeMember', { id: owner })).toEqual(['done'])
})

// It may end in a minute, and then nobody is left who can let anybody in.
test('removeMember: the only OWNER who signed in stays where a pending one acts by a key for less', async () => {
  const pending = await pendingOwner()
  const rights = { permissions: ['members:*', 'members:own'] }
  const { secret } = await humanKey(signIn.world, workspace, pending, rights)
  const { id, token } = await signedInOwner()
  await done(signIn.world, token, 'removeMember', 'member { id }', { id: workspace.ownerMemberId })
  expect(await outcome(signIn.world, secret, 'removeMember', { id })).toEqual(kept)
})

test('removeMember: the only OWNER who signed in leaves to one who has an owner key', async () => {
  const { id, token } = await signedInOwner()
  expect(await outcome(signIn.world, token, 'removeMember', { id })).toEqual(['done'])
})

test.each<[string, (human: { memberId: string; userId: string }) => Promise<unknown>]>([
  ['no key', async () => undefined],
  [
    'a key for less',
    (human) => humanKey(signIn.world, workspace, human, { permissions: ['members:*', 'keys:*'] }),
  ],
  [
    'an expired key',
    (human) =>
      humanKey(signIn.world, workspace, human, { permissions: ['*'], expiresAt: new Date(0) }),
  ],
  [
    'a disabled key',
    async (human) => {
      const { id } = await humanKey(signIn.world, workspace, human, { permissions: ['*'] })
      await done(signIn.world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id })
    },
  ],
  [
    'a revoked key',
    async (human) => {
      const { id } = await humanKey(signIn.world, workspace, human, { permissions: ['*'] })
      await done(signIn.world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id })
    },
  ],
])('removeMember: a pending OWNER with %s is none who can act', async (_what, prepare) => {
  await prepare(await pendingOwner())
  await seed(signIn.world, workspace.secret).machine({ name: 'robot', role: 'ADMIN' })
  expect(await losing(workspace.secret, workspace.ownerMemberId)).toEqual([kept, kept])
})

test('removeMember: of two last OWNERs who leave at once one stays', async () => {
  const { world } = signIn
  const [one, two] = [await signedInOwner(), await signedInOwner()]
  await pendingOwner()
  await done(world, one.token, 'removeMember', 'member { id }', { id: workspace.ownerMemberId })
  const outcomes = await Promise.all(
    [one, two].map(({ id, token }) => outcome(world, token, 'removeMember', { id })),
  )
  expect(outcomes.sort()).toEqual([kept, ['done']])
})
