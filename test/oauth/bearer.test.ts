import { afterAll, beforeAll, expect, test } from 'vitest'
import { storesNothing } from '../input/nothing-stored.ts'
import { done, seed } from '../setup/seed.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { createSignInWorld, membersOf, type SignInWorld, whoIs } from '../sign-in/sign-in-world.ts'
import { type Client, exchange, failure, type OAuthAnswer, send } from './ask.ts'

let signIn: SignInWorld
let workspace: TestWorkspace
let verifier: Client

beforeAll(async () => {
  signIn = await createSignInWorld({ signUp: true })
  workspace = await signIn.world.createWorkspace()
  verifier = await seed(signIn.world, workspace.secret).key({
    name: 'gateway',
    permissions: ['keys:read', 'keys:verify'],
  })
})
afterAll(() => signIn.close())

const introspect = (bearer: string, headers = {}): Promise<OAuthAnswer> =>
  send(signIn.world, '/oauth/introspect', { token: 'x' }, { bearer, headers })

// Signing in makes users and takes memberships: no place for it where no person can pass.
test('a sign-in token is refused before its issuer is asked or anything is stored', async () => {
  const { world, issuer, person, invite } = signIn
  await invite(workspace, 'invited')
  for (const sub of ['invited', 'stranger']) {
    const token = await person(sub)
    const asked = { ...issuer.requests }
    await storesNothing(world, async () => {
      const answer = await introspect(token, { 'x-workspace-id': workspace.id })
      expect(failure(answer)).toBe('401 invalid_token')
    })
    expect(issuer.requests).toEqual(asked)
  }
  expect((await membersOf(world, workspace))['invited@example.com']).toBeDefined()
  expect(await whoIs(world, await person('invited'))).toMatchObject({ role: 'MEMBER' })
  expect(failure(await introspect(await person('invited')))).toBe('401 invalid_token')
})

// It makes a caller without rights, for the one mutation that tells whether it was stolen.
test('a replaced token is told that it is replaced, and a revoked one that it is revoked', async () => {
  const { world } = signIn
  const token = await exchange(world, verifier)
  const { token: successor } = await done(world, token, 'rotateAccessToken', 'token', {})
  const replaced = await introspect(token)
  expect(failure(replaced)).toBe('401 invalid_token')
  expect(replaced.body.error_description).toMatch(/replaced by a newer one/)
  expect((await introspect(successor)).body).toEqual({ active: false })
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: verifier.id })
  expect((await introspect(token)).body.error_description).toMatch(/replaced by a newer one/)
  await done(world, workspace.secret, 'enableApiKey', 'apiKey { id }', { id: verifier.id })
  await done(world, successor, 'revokeAccessToken', 'accessToken { id }', {})
  expect((await introspect(successor)).body.error_description).toMatch(/revoked/)
})

test('the refusal of a client without id and secret says which they are', async () => {
  const form = { grant_type: 'client_credentials' }
  const { world } = signIn
  const { keyId: id, secret } = workspace
  const answers = [
    await send(world, '/oauth/token', form),
    await send(world, '/oauth/token', { ...form, client_id: id }),
    await send(world, '/oauth/token', form, { bearer: secret }),
    await send(world, '/oauth/token', form, { client: { id: secret, secret: '' } }),
    await send(world, '/oauth/token', form, { client: { id, secret: 'nonsense' } }),
    await send(world, '/oauth/token', { ...form, client_id: id, client_secret: 'nonsense' }),
  ]
  for (const answer of answers) {
    expect(failure(answer)).toBe('401 invalid_client')
    expect(answer.body.error_description).toMatch(
      /(^|\. )Send the id of an API key as the client id, and the key as the client secret\.$/,
    )
  }
})
