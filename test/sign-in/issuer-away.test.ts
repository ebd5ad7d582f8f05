import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { makeKey, sendJson } from '../setup/issuer.ts'
import { createSignInWorld, type SignInWorld, whoIs } from './sign-in-world.ts'

let signIn: SignInWorld
const away = '503 SERVICE_UNAVAILABLE'
const unknown = '401 UNAUTHENTICATED UNKNOWN'

beforeEach(async () => {
  signIn = await createSignInWorld({ signUp: true })
})
afterEach(async () => {
  vi.restoreAllMocks()
  await signIn.close()
})

const tell = async (token: string) => {
  const who = await whoIs(signIn.world, token)
  return typeof who === 'string' ? who : who.kind
}

/** Lets so much time go by for whoever measures it. */
function letPass(seconds: number): void {
  const before = performance.now.bind(performance)
  vi.spyOn(performance, 'now').mockImplementation(() => before() + seconds * 1_000)
}

test('asks for keys once, and knows people by them while the issuer is away', async () => {
  const { issuer } = signIn
  const tokens = await Promise.all([1, 2, 3, 4].map((jti) => issuer.token({ jti: `${jti}` })))
  expect(await Promise.all(tokens.map(tell))).toEqual(Array(4).fill('HUMAN'))
  expect(issuer.requests).toMatchObject({ discovery: 1, keys: 1 })

  issuer.cut()
  for (const hours of [0, 1, 24]) {
    letPass(hours * 3_600)
    expect(await tell(await issuer.token())).toBe('HUMAN')
    vi.restoreAllMocks()
  }
})

test('an unknown key is asked for at most every 30 s, however many name one', async () => {
  const { issuer } = signIn
  expect(await tell(await issuer.token())).toBe('HUMAN')
  const strangers = async (count: number) => {
    const keys = await Promise.all(Array.from({ length: count }, (_, i) => makeKey(`other-${i}`)))
    return await Promise.all(keys.map(async (key) => tell(await issuer.token({}, { key }))))
  }
  expect(await strangers(20)).toEqual(Array(20).fill(unknown))
  expect(issuer.requests.keys).toBe(1)
  letPass(31)
  expect(await strangers(20)).toEqual(Array(20).fill(unknown))
  expect(await strangers(20)).toEqual(Array(20).fill(unknown))
  expect(issuer.requests).toMatchObject({ discovery: 1, keys: 2 })
})

test('a new key is found, and one that was withdrawn ends', async () => {
  const { issuer } = signIn
  const [first] = issuer.keys
  if (first === undefined) throw new Error('the issuer has no key')
  const old = await issuer.token()
  expect(await tell(old)).toBe('HUMAN')
  const second = await makeKey('second')
  issuer.keys.splice(0, 1, second)
  letPass(31)
  expect(await tell(await issuer.token({}, { key: second }))).toBe('HUMAN')
  expect(await tell(old)).toBe(unknown)
})

test('keys are read anew by and by; after a long pause before the first token', async () => {
  const { issuer } = signIn
  const token = await issuer.token()
  expect(await tell(token)).toBe('HUMAN')
  letPass(601)
  expect(await tell(token)).toBe('HUMAN')
  await expect.poll(() => issuer.requests.keys).toBe(2)
  issuer.keys.splice(0, 1, await makeKey('second'))
  vi.restoreAllMocks()
  letPass(3_600)
  expect(await tell(token)).toBe(unknown)
})

test('while it is away an unknown key cannot be judged', async () => {
  const { issuer } = signIn
  expect(await tell(await issuer.token())).toBe('HUMAN')
  const second = await makeKey('second')
  issuer.keys.push(second)
  issuer.cut()
  letPass(31)
  const token = await issuer.token({}, { key: second })
  expect(await tell(token)).toBe(away)
  expect(await tell(token)).toBe(away)
  expect(issuer.requests.keys).toBe(2)
  expect(await tell(await issuer.token())).toBe('HUMAN')
  issuer.mend()
  vi.restoreAllMocks()
  letPass(62)
  expect(await tell(token)).toBe('HUMAN')
})

test('before any key is known nobody can be judged, and it is tried again soon', async () => {
  const { issuer } = signIn
  issuer.cut()
  const token = await issuer.token()
  const { status, headers } = await signIn.world.gql(token, '{ viewer { kind } }')
  expect([status, headers.get('retry-after')]).toEqual([503, '1'])
  expect(await tell(token)).toBe(away)
  issuer.mend()
  expect(await tell(token)).toBe(away)
  letPass(1.1)
  expect(await tell(token)).toBe('HUMAN')
})

// One deadline for all that is asked: two answers that are each nearly too late are too late.
test('keys work while the issuer hangs, and nobody waits for it longer than 5 s', async () => {
  const { issuer, world } = signIn
  const workspace = await world.createWorkspace()
  const token = await issuer.token()
  const deadline = new AbortController()
  const deadlines = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(deadline.signal)
  issuer.pages.keys = 'hang'
  const answered = vi.fn()
  const waiting = tell(token).finally(answered)
  await expect.poll(() => issuer.requests).toMatchObject({ discovery: 1, keys: 1 })
  expect(await whoIs(world, workspace.secret)).toMatchObject({ kind: 'API_KEY' })
  expect(answered).not.toHaveBeenCalled()
  expect(deadlines.mock.calls).toEqual([[5_000]])
  deadline.abort(new DOMException('too late', 'TimeoutError'))
  expect(await waiting).toBe(away)
})

test.each<[string, unknown]>([
  ['no key', { keys: [] }],
  ['no key that could have signed', { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }],
])('while it publishes %s, the known ones go on', async (_name, published) => {
  const { issuer } = signIn
  const token = await issuer.token()
  expect(await tell(token)).toBe('HUMAN')
  issuer.pages.keys = (res) => sendJson(res, 200, published)
  letPass(3_600)
  expect(await tell(token)).toBe('HUMAN')
  expect(issuer.requests.keys).toBe(2)
  expect(await tell(token)).toBe('HUMAN')
})

// Whoever sends tokens by the thousand fills no disk: each attempt is told of once.
test('a flood of unknown keys while it is away is logged once per attempt', async () => {
  const { issuer, world } = signIn
  expect(await tell(await issuer.token())).toBe('HUMAN')
  issuer.cut()
  const flood = async () => {
    const key = await makeKey('other')
    const tokens = await Promise.all([1, 2, 3, 4, 5].map(() => issuer.token({}, { key })))
    expect(await Promise.all(tokens.map(tell))).toEqual(Array(5).fill(away))
    expect(await tell(await issuer.token({}, { key }))).toBe(away)
  }
  const errors = () => world.logs.filter((line) => JSON.parse(line).level >= 50).length
  letPass(31)
  await flood()
  expect(errors()).toBe(1)
  vi.restoreAllMocks()
  letPass(62)
  await flood()
  expect(errors()).toBe(2)
})
