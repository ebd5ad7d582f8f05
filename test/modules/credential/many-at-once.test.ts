import { afterAll, expect, test } from 'vitest'
import { changePlan } from '../../../src/modules/workspace/plan.ts'
import { done } from '../../setup/seed.ts'
import { mint } from '../access-token/ask.ts'
import { gate, verdictOn, verifyAll } from './ask.ts'
import { createWorldWithKeys } from './with-keys.ts'

const { world, makeKey } = await createWorldWithKeys()
afterAll(() => world.close())
const asVerifier = { permissions: ['keys:verify', 'keys:read', 'scopes:*'] }

const tally = (codes: readonly string[]): Record<string, number> =>
  Object.fromEntries(
    [...new Set(codes)].map((code) => [code, codes.filter((it) => it === code).length]),
  )

// A limit that many at once can step over is none: also with the key and its token side by side, at
// both doors, and its own requests among them.
test('of 200 verifications at once at a limit of 50 exactly 50 are good', async () => {
  const { secret: verifier } = await makeKey(asVerifier)
  const { secret } = await makeKey({ requestsPerMinute: 51 })
  const { token } = await mint(world, secret)
  const ways = [
    async () => (await verifyAll(world, verifier, [{ secret }]))[0].code,
    async () => (await verifyAll(world, verifier, [{ secret: token }]))[0].code,
    async () => (await gate(world, verifier, { secret })).headers['latchkey-verdict'] ?? '',
    async () =>
      (await world.gql(secret, '{ viewer { kind } }')).status === 200 ? 'VALID' : 'RATE_LIMITED',
  ]
  const codes = await Promise.all(
    Array.from({ length: 200 }, (_, index) => ways[index % 4]?.() ?? ''),
  )
  expect(tally(codes)).toEqual({ VALID: 50, RATE_LIMITED: 150 })
})

test('of what is verified in one operation each pays for itself, in its turn', async () => {
  const { secret: verifier } = await makeKey(asVerifier)
  const { secret } = await makeKey({ requestsPerMinute: 5 })
  const question = { secret, cost: 2 }
  const codes = (await verifyAll(world, verifier, Array(4).fill(question))).map(({ code }) => code)
  expect(codes).toEqual(['VALID', 'VALID', 'RATE_LIMITED', 'RATE_LIMITED'])
  expect((await verdictOn(world, verifier, { secret, cost: 1 })).code).toBe('VALID')
})

// A gateway is the last that may fall silent when somebody else asks too much.
test('a verifier whose own limit is used up verifies on; whatever else it does, it pays for', async () => {
  const { secret: verifier } = await makeKey({ ...asVerifier, requestsPerMinute: 3 })
  const { secret } = await makeKey({ requestsPerMinute: 100 })
  const field = `verifyApiKey(input: { secret: "${secret}" }) { code permissions rateLimits { limit } }`
  const ask = async (operation: string) => {
    const { status, headers } = await world.gql(verifier, operation)
    return [status, headers.get('x-ratelimit-remaining')]
  }
  const scope = (name: string) => `createScope(input: { name: "${name}" }) { errors { code } }`
  expect(await ask(`mutation { ${field} }`)).toEqual([200, '3'])
  expect(await ask(`mutation { ${field} ${scope('mixed')} }`)).toEqual([200, '2'])
  const shown = (selection: string) =>
    `mutation { verifyApiKey(input: { secret: "${secret}", cost: 0 }) { code ${selection} } }`
  expect(await ask(shown('apiKey { id }'))).toEqual([200, '1'])
  expect(await ask('{ viewer { kind } }')).toEqual([200, '0'])
  expect(await ask('{ viewer { kind } }')).toEqual([429, '0'])
  expect(await ask(`mutation { ${field} ${scope('too much')} }`)).toEqual([429, '0'])
  expect(await ask(`mutation { ${field} }`)).toEqual([200, '0'])
  expect(await ask(shown('apiKey { id }'))).toEqual([429, '0'])
  const places = Array.from({ length: 25 }, (_, index) => `a${index}: apiKey`)
  const large = places.map((place) => `${place} { spaces { effectivePermissions } }`).join(' ')
  expect(await ask(shown(large))).toEqual([429, '0'])
  expect((await gate(world, verifier, { secret })).status).toBe(204)
  expect(await world.deps.prisma.scope.count({ where: { name: 'too much' } })).toBe(0)
})

// The workspace pays with its key: where it has nothing left, none of its keys has.
test('a workspace that is used up refuses each of its keys, until it has a larger plan', async () => {
  const small = await world.createWorkspace()
  const plan = (limit: number) =>
    changePlan(world.deps, small.slug, {
      plan: 'ENTERPRISE',
      enterpriseRequestsPerMinute: limit,
      enterpriseKeyLimit: null,
    })
  const keys = await Promise.all(
    ['one', 'two'].map((name) => done(world, small.secret, 'createApiKey', 'secret', { name })),
  )
  await plan(6)
  const code = async (index: number, cost: number) =>
    (await verdictOn(world, small.secret, { secret: keys[index].secret, cost })).code
  expect([await code(0, 4), await code(1, 3), await code(1, 2), await code(0, 1)]).toEqual([
    'VALID',
    'RATE_LIMITED',
    'VALID',
    'RATE_LIMITED',
  ])
  await plan(7)
  expect([await code(0, 1), await code(1, 1)]).toEqual(['VALID', 'RATE_LIMITED'])
})
