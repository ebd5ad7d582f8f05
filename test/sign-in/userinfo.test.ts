import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { sendJson } from '../setup/issuer.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { createSignInWorld, type SignInWorld, whoIs } from './sign-in-world.ts'

let signIn: SignInWorld
let workspace: TestWorkspace
const nobody = '401 UNAUTHENTICATED UNKNOWN'
const away = '503 SERVICE_UNAVAILABLE'

beforeAll(async () => {
  signIn = await createSignInWorld()
  workspace = await signIn.world.createWorkspace()
})
afterAll(() => signIn.close())
beforeEach(() => {
  signIn.issuer.mend()
  signIn.issuer.requests.userinfo = 0
  return () => void vi.restoreAllMocks()
})

const tell = async (token: string) => {
  const who = await whoIs(signIn.world, token)
  return typeof who === 'string' ? who : who.role
}

/** A token that tells nothing of its person but the subject; userinfo does. */
function quietPerson(sub: string, said: Readonly<Record<string, unknown>> = {}): Promise<string> {
  signIn.issuer.people.set(sub, {
    sub,
    email: `${sub}@example.com`,
    email_verified: true,
    ...said,
  })
  return signIn.issuer.token({ sub })
}

test('an e-mail that the token does not tell is asked of userinfo, once', async () => {
  const token = await quietPerson('ada')
  await signIn.invite(workspace, 'ada', 'BUILDER')
  const answers = await Promise.all([1, 2, 3].map(() => tell(token)))
  expect([...answers, await tell(token)]).toEqual(Array(4).fill('BUILDER'))
  expect(signIn.issuer.requests.userinfo).toBe(1)
})

test('a token that tells a verified e-mail asks nothing', async () => {
  await signIn.invite(workspace, 'open')
  expect(await tell(await signIn.person('open'))).toBe('MEMBER')
  expect(signIn.issuer.requests.userinfo).toBe(0)
})

test.each([
  ['is not verified', { email_verified: false }],
  ['is not verified in text', { email_verified: 'false' }],
  ['is not told', { email: undefined }],
  ['is said of another subject', { sub: 'somebody' }],
  ['is said of nobody', { sub: undefined }],
])('an e-mail that %s claims nothing', async (_name, said) => {
  await signIn.invite(workspace, 'unverified').catch(() => undefined)
  expect(await tell(await quietPerson('unverified', said))).toBe(nobody)
})

test('an e-mail that is verified in text claims what waits for it', async () => {
  await signIn.invite(workspace, 'in-text')
  expect(await tell(await quietPerson('in-text', { email_verified: 'true' }))).toBe('MEMBER')
})

test.each([401, 403, 404])('userinfo that answers %i tells no e-mail', async (status) => {
  await signIn.invite(workspace, `refused-${status}`)
  const token = await quietPerson(`refused-${status}`)
  signIn.issuer.pages.userinfo = (res) => sendJson(res, status, {})
  expect(await tell(token)).toBe(nobody)
})

test.each<[string, () => void]>([
  ['refuses', () => answerWith(403, '{}')],
  ['has no verified address', () => answerWith(200, '{"sub":"not-yet"}')],
])('what it tells while it %s is asked again half a minute later', async (name, spoil) => {
  const sub = `later-${name.length}`
  await signIn.invite(workspace, sub)
  const token = await quietPerson(sub)
  spoil()
  expect(await tell(token)).toBe(nobody)
  signIn.issuer.mend()
  expect(await tell(token)).toBe(nobody)
  expect(signIn.issuer.requests.userinfo).toBe(1)
  letPass(31)
  expect(await tell(token)).toBe('MEMBER')
  expect(await tell(token)).toBe('MEMBER')
  expect(signIn.issuer.requests.userinfo).toBe(2)
})

test.each<[string, () => void]>([
  ['is away', () => signIn.issuer.cut()],
  ['fails', () => answerWith(500, '{}')],
  ['has too many requests', () => answerWith(429, '{}')],
  ['answers no JSON', () => answerWith(200, 'eyJ.e30.x')],
])('while userinfo %s nobody new can be judged, and soon after they can', async (name, spoil) => {
  const sub = name.replaceAll(' ', '-')
  await signIn.invite(workspace, sub)
  const token = await quietPerson(sub)
  spoil()
  expect(await tell(token)).toBe(away)
  signIn.issuer.mend()
  expect(await tell(token)).toBe('MEMBER')
})

/** Lets so much time go by for whoever measures it. */
function letPass(seconds: number): void {
  const before = performance.now.bind(performance)
  vi.spyOn(performance, 'now').mockImplementation(() => before() + seconds * 1_000)
}

function answerWith(status: number, text: string): void {
  signIn.issuer.pages.userinfo = (res) => res.writeHead(status).end(text)
}

// Who is known needs userinfo for no more than what may newly wait for them.
test('who is known is not kept waiting by it, and claims when it is back', async () => {
  const { issuer, invite, world } = signIn
  await invite(workspace, 'known', 'BUILDER')
  expect(await tell(await quietPerson('known'))).toBe('BUILDER')
  const other = await world.createWorkspace()
  await invite(other, 'known', 'ADMIN')

  const givenUp = vi.fn()
  issuer.pages.userinfo = (res) => void res.on('close', givenUp)
  const token = await issuer.token({ sub: 'known', jti: 'next' })
  expect(await tell(token)).toBe('BUILDER')
  expect(await tell(await issuer.token({ sub: 'known', jti: 'third' }))).toBe('BUILDER')
  expect(issuer.requests.userinfo).toBe(2)
  expect(givenUp).not.toHaveBeenCalled()

  issuer.mend()
  letPass(31)
  const late = await issuer.token({ sub: 'known', jti: 'late' })
  expect(await whoIs(world, late, other.id)).toMatchObject({ role: 'ADMIN' })
})

test('it is not asked for who is known once it has failed for several, but one is not several', async () => {
  const { issuer, invite } = signIn
  letPass(100)
  const subs = ['unlucky', 'second', 'third', 'lucky']
  for (const sub of subs) {
    await invite(workspace, sub)
    expect(await tell(await quietPerson(sub))).toBe('MEMBER')
  }
  const fails = async (sub: string, jti: string) => {
    answerWith(500, '{}')
    expect(await tell(await issuer.token({ sub, jti }))).toBe('MEMBER')
    issuer.mend()
  }
  const asked = async (jti: string) => {
    const before = issuer.requests.userinfo
    expect(await tell(await issuer.token({ sub: 'lucky', jti }))).toBe('MEMBER')
    return issuer.requests.userinfo - before
  }
  for (const jti of ['1', '2', '3', '4']) await fails('unlucky', jti)
  expect(await asked('a')).toBe(1)
  for (const sub of subs.slice(0, 3)) await fails(sub, '5')
  expect(await asked('b')).toBe(0)
  vi.restoreAllMocks()
  letPass(131)
  expect(await asked('c')).toBe(1)
})

test('the token goes to the published address alone', async () => {
  const { issuer, invite } = signIn
  await invite(workspace, 'redirected')
  const token = await quietPerson('redirected')
  const asked = issuer.requests.keys
  issuer.pages.userinfo = (res) => res.writeHead(307, { location: `${issuer.url}/keys` }).end()
  expect(await tell(token)).toBe(away)
  expect(issuer.requests.keys).toBe(asked)
})
