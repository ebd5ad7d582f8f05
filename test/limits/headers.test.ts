import { beforeEach, expect, test } from 'vitest'
import { jumpingClock } from '../setup/monotonic-clock.ts'
import { seed } from '../setup/seed.ts'
import { useWorld, world } from '../setup/use-world.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { cheap, limitHeaders, limitTo, toldLimits } from './ask.ts'

let workspace: TestWorkspace
let secret: string

useWorld()

/** A key that may ask 3 times, in a workspace that may 5 times. */
beforeEach(async () => {
  workspace = await world.createWorkspace()
  const key = {
    name: 'limited',
    requestsPerMinute: 3,
    permissions: ['spaces:read'],
    allSpaces: true,
  }
  secret = (await seed(world, workspace.secret).key(key)).secret
  await limitTo(world, workspace, 5)
})

/** The limit and what remains of it, in the headers that came before the draft. */
const before = (headers: Headers): unknown[] => [
  headers.get('x-ratelimit-limit'),
  headers.get('x-ratelimit-remaining'),
]

/** That it is so long after some instant between `since` and now, in whole seconds since 1970. */
function expectReset(headers: Headers, ms: number, since: number): void {
  const reset = headers.get('x-ratelimit-reset') ?? ''
  expect(reset).toMatch(/^\d{10}$/)
  expect(Number(reset)).toBeGreaterThanOrEqual(Math.ceil((since + ms) / 1_000))
  expect(Number(reset)).toBeLessThanOrEqual(Math.ceil((Date.now() + ms) / 1_000))
}

const told = (key: number, inWorkspace: number, resetSeconds: number) => ({
  key: { limit: 3, remaining: key, resetSeconds },
  workspace: { limit: 5, remaining: inWorkspace, resetSeconds },
})

test('every limit is told in structured fields, the tightest one also as before', async () => {
  const clock = jumpingClock()
  clock.stop()
  const since = Date.now()
  const { status, headers } = await world.gql(secret, cheap)
  expect(status).toBe(200)
  expect(headers.get('ratelimit-policy')).toBe('"key";q=3;w=60, "workspace";q=5;w=60')
  expect(headers.get('ratelimit')).toBe('"key";r=2;t=60, "workspace";r=4;t=60')
  expect(before(headers)).toEqual(['3', '2'])
  expectReset(headers, 60_000, since)
  for (let count = 0; count < 3; count += 1) await world.gql(workspace.secret, cheap)
  clock.forward(12_500)
  const { headers: later } = await world.gql(secret, cheap)
  expect(toldLimits(later)).toEqual(told(1, 0, 48))
  expect(before(later)).toEqual(['5', '0'])
  expectReset(later, 47_500, since)
})

test.each([
  ['a document that cannot be parsed', '{ viewer', 'GRAPHQL_PARSE_FAILED'],
  ['one that is not valid', '{ nothing }', 'GRAPHQL_VALIDATION_FAILED'],
  ['a refused field', '{ agents { nodes { id } } }', 'FORBIDDEN'],
])('%s is answered with the limits, too', async (_, query, code) => {
  jumpingClock().stop()
  const since = Date.now()
  const { status, headers, errors } = await world.gql(secret, query)
  expect([status, errors[0]?.extensions.code]).toEqual([200, code])
  expect(toldLimits(headers)).toEqual(told(2, 4, 60))
  expect(before(headers)).toEqual(['3', '2'])
  expectReset(headers, 60_000, since)
})

const tooMuch = async (accept: string, wait = () => {}) => {
  for (let count = 0; count < 3; count += 1) await world.gql(secret, cheap)
  wait()
  return await world.gql(secret, cheap, undefined, { headers: { accept } })
}

test.each(['application/json', 'application/graphql-response+json'])(
  'over the limit the answer is 429 in %s, with when to try again',
  async (accept) => {
    const clock = jumpingClock()
    clock.stop()
    const since = Date.now()
    const answer = await tooMuch(accept, () => clock.forward(59_999))
    const { status, headers, data, errors } = answer
    expect(status).toBe(429)
    expect(headers.get('content-type')).toMatch(new RegExp(`^${accept.replace('+', '\\+')}(;|$)`))
    expect(headers.get('www-authenticate')).toBeNull()
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('retry-after')).toBe('1')
    expect(toldLimits(headers)).toEqual(told(0, 2, 1))
    expect(before(headers)).toEqual(['3', '0'])
    expectReset(headers, 1, since)
    expect({ data, errors }).toEqual({
      errors: [
        {
          message: 'Too many requests; try again in 1 s.',
          extensions: {
            code: 'RATE_LIMITED',
            retryAfterSeconds: 1,
            requestId: headers.get('x-request-id'),
          },
        },
      ],
    })
    clock.forward(1)
    const { status: after, headers: anew } = await world.gql(secret, cheap)
    expect([after, toldLimits(anew)]).toEqual([200, told(2, 4, 60)])
  },
)

// A frontend of another origin is told as much as anybody else.
test('a page of any origin may read all of them', async () => {
  const { headers } = await tooMuch('application/json')
  const exposed = (headers.get('access-control-expose-headers') ?? '').toLowerCase().split(', ')
  expect(exposed).toEqual(expect.arrayContaining([...limitHeaders(headers), 'retry-after']))
})

// Who is not let in must not learn how much somebody else has left.
test('nothing is told to who is refused, to nobody, and where nothing is limited', async () => {
  const unlimited = await world.createWorkspace()
  const introspection = '{ __schema { queryType { name } } }'
  const allowed = { name: 'bound', allowedIps: ['10.0.0.0/8'], permissions: ['*'] }
  await limitTo(world, workspace)
  const bound = await seed(world, workspace.secret).key(allowed)
  await limitTo(world, workspace, 5)
  const answers = [
    [401, await world.gql(null, cheap)],
    [401, await world.gql(`${secret.slice(0, -1)}x`, cheap)],
    [401, await world.gql(bound.secret, cheap, undefined, { address: '192.0.2.1' })],
    [404, await world.gql(secret, cheap, undefined, { headers: { 'x-workspace-id': 'none' } })],
    [200, await world.gql(null, introspection)],
    [200, await world.gql(unlimited.secret, cheap)],
    [406, await world.gql(secret, cheap, undefined, { headers: { accept: 'text/plain' } })],
  ] as const
  for (const [status, answer] of answers)
    expect([answer.status, limitHeaders(answer.headers)]).toEqual([status, []])
})
