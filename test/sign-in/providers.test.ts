import { afterEach, expect, test } from 'vitest'
import { createSignInVerifier, type SignInSettings } from '../../src/auth/credentials/oidc.ts'
import { type Issuer, startIssuer } from '../setup/issuer.ts'
import { done } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { issuerOptions, whoIs } from './sign-in-world.ts'

let issuer: Issuer
let world: World
let workspace: TestWorkspace
const nobody = '401 UNAUTHENTICATED UNKNOWN'
const now = (): number => Math.floor(Date.now() / 1_000)

async function open(settings: Partial<SignInSettings> = {}): Promise<void> {
  issuer = await startIssuer()
  const signIn = createSignInVerifier({ ...issuerOptions(issuer), ...settings })
  world = await createWorld({ signIn })
  workspace = await world.createWorkspace()
  const ada = { email: 'ada@example.com', role: 'BUILDER' }
  await done(world, workspace.secret, 'addMember', 'member { id }', ada)
}
afterEach(async () => {
  await world.close()
  await issuer.close()
})

const verified = { sub: 'ada', email: 'ada@example.com', email_verified: true }

/** The role of the person of a token with these claims, or why it is nobody. */
async function roleBy(claims: Readonly<Record<string, unknown>>): Promise<string> {
  const who = await whoIs(world, await issuer.token({ ...verified, ...claims }))
  return typeof who === 'string' ? who : who.role
}

test('a clock of the provider that is up to 30 s off refuses nobody', async () => {
  await open()
  expect(await roleBy({ nbf: now() + 2 })).toBe('BUILDER')
  expect(await roleBy({ nbf: now() + 28, iat: now() + 28 })).toBe('BUILDER')
  expect(await roleBy({ exp: now() - 25 })).toBe('BUILDER')
  expect(await roleBy({ nbf: now() + 60 })).toBe(nobody)
  expect(await roleBy({ exp: now() - 31 })).toBe('401 UNAUTHENTICATED EXPIRED')
})

// A change looks at the caller once more, under the lock and by the database's clock.
test('within the leeway a change is made as well', async () => {
  await open()
  const token = await issuer.token({ ...verified, exp: now() - 5 })
  const input = { name: 'CI', permissions: ['agents:read'], allSpaces: true }
  const other = { name: 'Other', permissions: ['agents:read'], allSpaces: true }
  await done(world, token, 'createApiKey', 'apiKey { id }', input)
  await done(world, token, 'createApiKey', 'apiKey { id }', other)
})

// Microsoft Entra says nothing of whether it has verified an address.
test.each([
  ['says nothing', undefined, 'BUILDER'],
  ['says that it is verified', true, 'BUILDER'],
  ['says that it is not', false, nobody],
  ['says so in text', 'false', nobody],
])('OIDC_TRUST_EMAIL: an address of which the provider %s', async (_, said, role) => {
  await open({ trustEmail: true })
  expect(await roleBy({ email_verified: said })).toBe(role)
})

test('without OIDC_TRUST_EMAIL an address of which nothing is said claims nothing', async () => {
  await open()
  expect(await roleBy({ email_verified: undefined })).toBe(nobody)
})

// Amazon Cognito: access tokens have client_id and no aud, ID tokens have the client as their aud.
test.each([
  ['of the client, without an audience', { aud: undefined, client_id: 'app' }, 'BUILDER'],
  ['of another client', { aud: undefined, client_id: 'other' }, nobody],
  ['of a list of clients', { aud: undefined, client_id: ['app'] }, nobody],
  ['of no client', { aud: undefined }, nobody],
  ['of the client, for another audience', { aud: 'other', client_id: 'app' }, nobody],
  ['with the client as its audience', { aud: 'app' }, nobody],
  ['that is an ID token', { aud: 'app', token_use: 'id' }, nobody],
])('OIDC_AUDIENCE_CLAIM=client_id: a token %s', async (_, claims, role) => {
  await open({ audienceClaim: 'client_id', audience: 'app' })
  expect(await roleBy(claims)).toBe(role)
})

test('without OIDC_AUDIENCE_CLAIM a token without an audience is refused', async () => {
  await open()
  expect(await roleBy({ aud: undefined, client_id: issuer.audience })).toBe(nobody)
})
