import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeKey } from '../setup/issuer.ts'
import { metricsOf } from '../setup/metrics.ts'
import { lastLine } from '../setup/request-lines.ts'
import { createSignInWorld, type SignInWorld, whoIs } from './sign-in-world.ts'

let signIn: SignInWorld

beforeAll(async () => {
  signIn = await createSignInWorld()
})
afterAll(() => signIn.close())

const now = () => Math.floor(Date.now() / 1_000)
const person = { sub: 'ada', email: 'ada@example.com', email_verified: true }

// Who presents the token learns no more than that it is not known.
test.each<[string, string, () => Promise<string>]>([
  [
    'another audience',
    'WRONG_AUDIENCE',
    () => signIn.issuer.token({ aud: 'https://other.example' }),
  ],
  ['no audience', 'WRONG_AUDIENCE', () => signIn.issuer.token({ aud: undefined })],
  ['a time to come', 'NOT_YET_VALID', () => signIn.issuer.token({ nbf: now() + 600 })],
  ['another issuer', 'WRONG_ISSUER', () => signIn.issuer.token({ iss: 'https://other.example' })],
  ['no expiry', 'INVALID_CLAIM', () => signIn.issuer.token({ exp: undefined })],
  ['an empty subject', 'INVALID_CLAIM', () => signIn.issuer.token({ sub: '' })],
  ['a nonce', 'NO_ACCESS_TOKEN', () => signIn.issuer.token({ nonce: 'n' })],
  [
    'a type of ID tokens',
    'NO_ACCESS_TOKEN',
    () => signIn.issuer.token({}, { header: { typ: 'id' } }),
  ],
  [
    'a key that is not published',
    'UNKNOWN_SIGNING_KEY',
    async () => signIn.issuer.token({}, { key: await makeKey('unknown') }),
  ],
  [
    'another key than it names',
    'INVALID_SIGNATURE',
    async () => signIn.issuer.token({}, { key: await makeKey('first') }),
  ],
  ['nobody who was entered', 'NO_MEMBER', () => signIn.issuer.token(person)],
  ['no address', 'NO_VERIFIED_EMAIL', () => signIn.issuer.token({ sub: 'eve' })],
])('a sign-in token of %s is logged and counted as %s', async (_, reason, tokenOf) => {
  const token = await tokenOf()
  const name = `latchkey_credentials_refused_total{reason="${reason}"}`
  const before = (await metricsOf(signIn.world.app)).get(name) ?? 0
  expect(await whoIs(signIn.world, token)).toBe('401 UNAUTHENTICATED UNKNOWN')
  const line = lastLine(signIn.world.logs.filter((it) => it.includes('"/graphql"')))
  expect(line).toMatchObject({ status: 401, code: 'UNAUTHENTICATED', reason })
  expect((await metricsOf(signIn.world.app)).get(name)).toBe(before + 1)
})

test.each([
  ['not valid for hours yet', { nbf: now() + 36_000, exp: now() + 72_000 }],
  ['over for hours', { exp: now() - 36_000 }],
])(
  'of a sign-in token that is %s the log has by how much, for a clock may be wrong',
  async (_, claims) => {
    await whoIs(signIn.world, await signIn.issuer.token(claims))
    const { offBySeconds } = lastLine(signIn.world.logs)
    expect(Math.round(Number(offBySeconds) / 3_600)).toBe(10)
    await whoIs(signIn.world, await signIn.issuer.token({ aud: 'https://other.example' }))
    expect(lastLine(signIn.world.logs)).not.toHaveProperty('offBySeconds')
  },
)

test('one that is over is EXPIRED for everybody', async () => {
  const token = await signIn.issuer.token({ exp: now() - 60 })
  expect(await whoIs(signIn.world, token)).toBe('401 UNAUTHENTICATED EXPIRED')
  expect(lastLine(signIn.world.logs)).toMatchObject({ reason: 'EXPIRED' })
})

test('of a person who is let in the user is logged, and not their address', async () => {
  const workspace = await signIn.world.createWorkspace()
  await signIn.invite(workspace, 'olive')
  const who = await whoIs(signIn.world, await signIn.person('olive'))
  if (typeof who === 'string') throw new Error(who)
  const line = lastLine(signIn.world.logs)
  expect(line).toMatchObject({ status: 200, workspaceId: workspace.id, userId: who.user.id })
  expect(line).not.toHaveProperty('keyId')
  expect(JSON.stringify(line)).not.toContain('olive')
})
