import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSignInVerifier } from '../../src/auth/credentials/oidc.ts'
import { type IdentityProvider, startIdentityProvider } from '../setup/identity-provider.ts'
import { done } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { whoIs } from './sign-in-world.ts'

let provider: IdentityProvider
let world: World
let workspace: TestWorkspace

beforeAll(async () => {
  provider = await startIdentityProvider()
  world = await createWorld({ signIn: createSignInVerifier(provider), signUp: true })
  workspace = await world.createWorkspace()
})
afterAll(async () => {
  await world.close()
  await provider.close()
})

const unknown = '401 UNAUTHENTICATED UNKNOWN'

test('oidc-provider signs a person in, whose token then queries the API', async () => {
  const entered = { email: 'grace@example.com', role: 'BUILDER', name: 'Grace Hopper' }
  await done(world, workspace.secret, 'addMember', 'member { id }', entered)
  const { accessToken } = await provider.signIn({
    sub: 'grace',
    name: 'Grace',
    email: 'Grace@example.com',
    email_verified: true,
  })
  expect(await whoIs(world, accessToken)).toMatchObject({
    kind: 'HUMAN',
    role: 'BUILDER',
    user: { name: 'Grace Hopper', email: 'grace@example.com' },
    workspace: { id: workspace.id },
  })
  const key = { name: 'mine', permissions: ['*'], allSpaces: true }
  const { secret } = await done(world, accessToken, 'createApiKey', 'secret', key)
  expect(await whoIs(world, secret)).toMatchObject({ kind: 'API_KEY', role: 'BUILDER' })
})

test('who signs in again is the same person; somebody else is another', async () => {
  const ada = { sub: 'ada', name: 'Ada', email: 'ada@example.com', email_verified: true }
  const first = await whoIs(world, (await provider.signIn(ada)).accessToken)
  const again = { ...ada, email: 'ada@other.example', name: 'Ada King' }
  const second = await whoIs(world, (await provider.signIn(again)).accessToken)
  const other = await whoIs(world, (await provider.signIn({ ...ada, sub: 'ada2' })).accessToken)
  if ([first, second, other].some((who) => typeof who === 'string')) throw new Error('unknown')
  const [a, b, c] = [first, second, other].map((who) => typeof who !== 'string' && who.user.id)
  expect(b).toBe(a)
  expect(c).not.toBe(a)
})

// The provider refuses tokens for another audience at its own userinfo endpoint.
test('an address that it has not verified, or does not tell, claims nothing', async () => {
  for (const name of ['unverified', 'untold']) {
    const entered = { email: `${name}@example.com`, role: 'OWNER' }
    await done(world, workspace.secret, 'addMember', 'member { id }', entered)
  }
  const unverified = { email: 'unverified@example.com', email_verified: false }
  for (const account of [{ sub: 'unverified', ...unverified }, { sub: 'untold' }]) {
    const { accessToken } = await provider.signIn(account)
    expect(await whoIs(world, accessToken)).toMatchObject({ role: null, workspace: null })
  }
})

test('its ID token, and a token cut or changed, are refused', async () => {
  const { accessToken, idToken } = await provider.signIn({ sub: 'eve' })
  expect(await whoIs(world, idToken)).toBe(unknown)
  const [header, payload = '', signature] = accessToken.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'grace' })).toString('base64url')
  expect(await whoIs(world, [header, forged, signature].join('.'))).toBe(unknown)
  expect(await whoIs(world, accessToken)).toMatchObject({ kind: 'HUMAN' })
})
