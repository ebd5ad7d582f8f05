import { afterAll, beforeAll, expect, test } from 'vitest'
import { outcome } from '../../setup/outcome.ts'
import { done } from '../../setup/seed.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'
import { createSignInWorld, type SignInWorld } from '../../sign-in/sign-in-world.ts'
import { mint, verdict } from './ask.ts'

let signIn: SignInWorld
let world: World
let workspace: TestWorkspace

beforeAll(async () => {
  signIn = await createSignInWorld()
  world = signIn.world
  workspace = await world.createWorkspace()
})
afterAll(() => signIn.close())

async function person(name: string, role: string): Promise<string> {
  await signIn.invite(workspace, name, role)
  return signIn.person(name)
}

/** A key of the person's own, with a token of it. */
async function withToken(signedIn: string) {
  const input = { name: 'mine', permissions: ['*'], allSpaces: true }
  const { apiKey, secret } = await done(
    world,
    signedIn,
    'createApiKey',
    'apiKey { id } secret',
    input,
  )
  return { keyId: apiKey.id as string, token: await mint(world, secret) }
}

const listed = async (secret: string, filter = ''): Promise<unknown> => {
  const query = `{ accessTokens${filter} { nodes { id apiKey { id } } } viewer { accessToken { id } } }`
  const { data, errors } = await world.gql(secret, query)
  expect(errors).toEqual([])
  expect(data.viewer.accessToken).toBeNull()
  return data.accessTokens.nodes
}

// A person has a password and a second factor, and no need of a token.
test('a person mints and rotates no token, and names the one to revoke', async () => {
  const signedIn = await person('minter', 'OWNER')
  for (const mutation of ['createAccessToken', 'rotateAccessToken'])
    expect(await outcome(world, signedIn, mutation, {})).toEqual(['WRONG_STATE input'])
  expect(await outcome(world, signedIn, 'revokeAccessToken', {})).toEqual(['INVALID input.id'])
})

test('a person sees and ends the tokens of their own keys, whatever the spaces', async () => {
  const signedIn = await person('builder', 'BUILDER')
  const { keyId, token } = await withToken(signedIn)
  const strangers = await mint(world, workspace.secret, { permissions: [], spaceIds: [] })
  const mine = [{ id: token.id, apiKey: { id: keyId } }]
  expect(await listed(signedIn)).toEqual(mine)
  expect(await listed(signedIn, `(filter: { apiKeyId: "${keyId}" })`)).toEqual(mine)
  expect(await listed(signedIn, `(filter: { apiKeyId: "${workspace.keyId}" })`)).toEqual([])
  const revoke = (id: string) => outcome(world, signedIn, 'revokeAccessToken', { id })
  expect(await revoke(strangers.id)).toEqual(['NOT_FOUND input.id'])
  expect(await revoke(token.id)).toEqual(['done'])
  expect(await verdict(world, token.token)).toBe('401 REVOKED')
  expect(await verdict(world, strangers.token)).toBe('ACCEPTED')
})

test("an ADMIN's sign-in sees every token, and ends those of everybody but an OWNER", async () => {
  const admin = await person('admin', 'ADMIN')
  const owner = await person('owner', 'OWNER')
  const { keyId, token } = await withToken(admin)
  const owners = await mint(world, workspace.secret)
  expect(await listed(admin)).toEqual(
    expect.arrayContaining([
      { id: token.id, apiKey: { id: keyId } },
      { id: owners.id, apiKey: { id: workspace.keyId } },
    ]),
  )
  expect(await outcome(world, admin, 'revokeAccessToken', { id: owners.id })).toEqual([
    'FORBIDDEN members:own',
  ])
  const all = { apiKeyId: workspace.keyId }
  expect(await outcome(world, admin, 'revokeAccessTokens', all)).toEqual(['FORBIDDEN members:own'])
  expect(await outcome(world, owner, 'revokeAccessTokens', all)).toEqual(['done'])
  expect(await outcome(world, owner, 'revokeAccessTokens', { apiKeyId: keyId })).toEqual(['done'])
  for (const each of [token, owners]) expect(await verdict(world, each.token)).toBe('401 REVOKED')
})
