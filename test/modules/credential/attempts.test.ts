import { afterAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../../src/auth/credentials/format.ts'
import { unauthenticated } from '../../../src/errors.ts'
import {
  type AddressCounter,
  type CounterOf,
  inProcessCounters,
} from '../../../src/limits/address-counter.ts'
import { createFailedAuthLimiter } from '../../../src/limits/failed-auth.ts'
import { changed } from '../../security/forge.ts'
import { keyMadeElsewhere } from '../../setup/key-made-elsewhere.ts'
import { done } from '../../setup/seed.ts'
import { mint } from '../access-token/ask.ts'
import { verdict } from '../api-key/ask.ts'
import { gate, verifyAll } from './ask.ts'
import { createWorldWithKeys } from './with-keys.ts'

/** Failures that an address has in a minute. */
const allowed = 60

const { world, workspace, makeKey } = await createWorldWithKeys()
afterAll(() => world.close())

const guess = (): string => createApiKeySecret('lk')

/** The verdicts on secrets that are said to come from that address, in their order. */
async function codes(
  secrets: readonly string[],
  ip: string | null,
  verifier = workspace.secret,
): Promise<string[]> {
  const found: string[] = []
  for (let from = 0; from < secrets.length; from += 30) {
    const questions = secrets.slice(from, from + 30).map((secret) => ({ secret, ip }))
    found.push(...(await verifyAll(world, verifier, questions)).map(({ code }) => code))
  }
  return found
}
const guesses = (times: number): string[] => Array.from({ length: times }, guess)

// Behind one address there may be a thief and a whole company.
test('who fails too often from an address fails on, and whose key was good goes on', async () => {
  const ip = '192.0.2.1'
  const { secret } = await makeKey()
  const { token } = await mint(world, secret)
  expect(await codes([secret, token], '192.0.2.99')).toEqual(['VALID', 'VALID'])
  expect(await codes(guesses(allowed), ip)).toEqual(Array(allowed).fill('NOT_FOUND'))
  expect(await codes([guess(), 'nonsense', secret, token], ip)).toEqual([
    'RATE_LIMITED',
    'RATE_LIMITED',
    'VALID',
    'VALID',
  ])
  const { status, headers } = await gate(world, workspace.secret, { secret: guess(), ip })
  expect([status, headers['latchkey-verdict']]).toEqual([403, 'RATE_LIMITED'])
  expect(headers['retry-after']).toMatch(/^([1-9]|[1-5]\d|60)$/)
  // In another spelling it is the same address, and another one is not.
  expect(await codes([guess()], `::ffff:${ip}`)).toEqual(['RATE_LIMITED'])
  expect(await codes([guess()], '192.0.2.2')).toEqual(['NOT_FOUND'])
})

test('verifyApiKey, /verify: a key that is new to this server is VALID from an address with failures', async () => {
  const ip = '192.0.2.3'
  const make = () => keyMadeElsewhere(world, workspace, { permissions: ['keys:read'] })
  const [one, other] = [await make(), await make()]
  await codes(guesses(allowed), ip)
  expect(await codes(['nonsense', one], ip)).toEqual(['RATE_LIMITED', 'VALID'])
  const { status } = await gate(world, workspace.secret, { secret: other, ip })
  expect(status).toBe(204)
})

// A gateway could otherwise lock out whom it likes, from the whole installation.
test('what one workspace says of an address is held against it there, and nowhere else', async () => {
  const ip = '192.0.2.10'
  const gateway = '192.0.2.11'
  const other = await world.createWorkspace()
  const fresh = await makeKey()
  await codes(guesses(allowed), ip)
  expect(await codes([guess()], ip)).toEqual(['RATE_LIMITED'])
  expect(await codes([guess(), other.secret], ip, other.secret)).toEqual(['NOT_FOUND', 'VALID'])
  expect(await verdict(world, fresh.secret, { address: ip })).toBe('ACCEPTED')
  expect(await verdict(world, guess(), { address: ip })).toBe('401 UNKNOWN')
  // Nor do those count that were seen at our own door.
  for (let times = 0; times < allowed; times += 1)
    expect(await verdict(world, guess(), { address: gateway })).toBe('401 UNKNOWN')
  expect(await verdict(world, guess(), { address: gateway })).toBe('429 RATE_LIMITED')
  expect(await codes([guess()], gateway)).toEqual(['NOT_FOUND'])
})

const makeVerifier = async (): Promise<string> =>
  (await makeKey({ permissions: ['keys:read', 'keys:verify'] })).secret

// Whoever may verify could otherwise guess without end, and pays nothing for it.
test('secrets without an address count as attempts of the key that verifies them', async () => {
  const verifier = await makeVerifier()
  const { secret } = await makeKey()
  expect(await codes(guesses(allowed), null, verifier)).toEqual(Array(allowed).fill('NOT_FOUND'))
  expect(await codes([guess(), secret], null, verifier)).toEqual(['RATE_LIMITED', 'VALID'])
  const { status, headers } = await gate(world, verifier, { secret: guess() })
  expect([status, headers['latchkey-verdict']]).toEqual([403, 'RATE_LIMITED'])
  // Nothing else is refused to it, and nobody else is refused anything.
  expect(await codes([guess()], '192.0.2.20', verifier)).toEqual(['NOT_FOUND'])
  expect(await codes([guess()], null, await makeVerifier())).toEqual(['NOT_FOUND'])
  expect(await codes([guess()], null)).toEqual(['NOT_FOUND'])
  expect(await verdict(world, guess(), { address: '10.0.0.254' })).toBe('401 UNKNOWN')
  expect(await verdict(world, verifier, { address: '10.0.0.254' })).toBe('ACCEPTED')
})

// One client with an old key would otherwise shut out all others of a gateway, for as long as it asks.
test('a mistake that is repeated counts once, where no address is given', async () => {
  const verifier = await makeVerifier()
  const mistakes = [guess(), 'nonsense'].flatMap((secret) => Array(allowed).fill(secret))
  expect(new Set(await codes(mistakes, null, verifier))).toEqual(
    new Set(['NOT_FOUND', 'MALFORMED']),
  )
  for (let times = 0; times < allowed; times += 1)
    expect((await gate(world, verifier, { secret: 'nonsense' })).status).toBe(401)
  expect(await codes(guesses(allowed - 2), null, verifier)).not.toContain('RATE_LIMITED')
  expect(await codes([guess()], null, verifier)).toEqual(['RATE_LIMITED'])
})

// The minute would otherwise never end for a gateway whose clients go on.
test('what is refused is not counted', async () => {
  const counters = new Map<string, AddressCounter>()
  const counterOf: CounterOf = (name) => {
    const counter = inProcessCounters(name)
    counters.set(name, counter)
    return counter
  }
  const attempts = createFailedAuthLimiter(counterOf, () => undefined)
  const source = { address: undefined, workspaceId: 'wsp', verifierId: 'key' }
  const fail = (digest: string) =>
    attempts
      .guardLookup(source, { digest }, () => Promise.reject(unauthenticated('UNKNOWN')))
      .catch(({ code }) => code)
  const found = []
  for (let times = 0; times < 2 * allowed; times += 1) found.push(await fail(`digest ${times}`))
  expect(found).toEqual([
    ...Array(allowed).fill('UNAUTHENTICATED'),
    ...Array(allowed).fill('RATE_LIMITED'),
  ])
  const count = await counters.get('failed-attempts')?.get('wsp|key')
  expect(count?.consumedPoints).toBe(allowed)
})

test('whatever is not known counts, at both doors, and what is known and refused does not', async () => {
  const other = await world.createWorkspace()
  const { token } = await mint(world, other.secret)
  const { privateKey } = (await crypto.subtle.generateKey('Ed25519', true, [
    'sign',
    'verify',
  ])) as CryptoKeyPair
  const unknown: Record<string, string> = {
    malformed: 'nonsense',
    'never made': guess(),
    "another workspace's": other.secret,
    "another workspace's token": token,
    forged: await changed(token, {}, privateKey),
    "another issuer's": await changed(
      token,
      { claims: { iss: 'https://issuer.example' } },
      privateKey,
    ),
  }
  for (const [index, [name, secret]] of Object.entries(unknown).entries()) {
    const ip = `192.0.3.${index}`
    await codes(Array(allowed - 1).fill(secret), ip)
    const { headers } = await gate(world, workspace.secret, { secret, ip })
    expect([name, headers['latchkey-verdict']]).not.toEqual([name, 'RATE_LIMITED'])
    expect([name, ...(await codes([secret], ip))]).toEqual([name, 'RATE_LIMITED'])
  }
  const revoked = await makeKey()
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id: revoked.id })
  const bound = await makeKey({ allowedIps: ['10.0.0.0/8'] })
  const known = [revoked.secret, bound.secret, ...Array(allowed).fill(revoked.secret)]
  expect(await codes([...known, guess()], '192.0.4.1')).toEqual([
    'REVOKED',
    'IP_NOT_ALLOWED',
    ...Array(allowed).fill('REVOKED'),
    'NOT_FOUND',
  ])
})

// Whoever has one address of IPv6 has a whole block of them.
test('an IPv6 address counts by its block, and of many guesses at once no more get through', async () => {
  const ips = Array.from({ length: 100 }, (_, index) => `2001:db8:1:2::${index.toString(16)}`)
  const found = await Promise.all(ips.map(async (ip) => (await codes([guess()], ip))[0]))
  expect(found.filter((code) => code === 'NOT_FOUND')).toHaveLength(allowed)
  expect(found.filter((code) => code === 'RATE_LIMITED')).toHaveLength(40)
  expect(await codes([guess()], '2001:db8:1:2:ffff::')).toEqual(['RATE_LIMITED'])
  expect(await codes([guess()], '2001:db8:1:3::1')).toEqual(['NOT_FOUND'])
})
