import { beforeAll, expect, test } from 'vitest'
import { changePlan } from '../../../src/modules/workspace/plan.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { mint } from '../access-token/ask.ts'
import { gate, verdictOn } from './ask.ts'

const workspaceLimit = 5_000

let gateway: { id: string; secret: string }
let count = 0

const makeKey = (input: object = {}): Promise<{ id: string; secret: string }> =>
  seed(world, workspace.secret).key({ name: `key ${++count}`, ...input })

useWorkspace()
beforeAll(async () => {
  gateway = await makeKey({ permissions: ['keys:verify', 'keys:read', 'scopes:*'] })
  await changePlan(world.deps, workspace.slug, {
    plan: 'ENTERPRISE',
    enterpriseRequestsPerMinute: workspaceLimit,
    enterpriseKeyLimit: null,
  })
})

interface Left {
  readonly key: number
  readonly workspace: number
}

/** What is left of a key's limits, which it costs nothing to learn in this way. */
async function leftOf(secret: string): Promise<Left> {
  const { rateLimits } = await verdictOn(world, gateway.secret, { secret, cost: 0 })
  const [key, whole] = rateLimits
  return { key: key.remaining, workspace: whole.remaining }
}

/** What it took from these two, and from the verifier's own. */
async function chargedBy(secret: string, work: () => Promise<unknown>) {
  const before = [await leftOf(secret), await leftOf(gateway.secret)]
  await work()
  const after = [await leftOf(secret), await leftOf(gateway.secret)]
  return {
    key: (before[0]?.key ?? 0) - (after[0]?.key ?? 0),
    workspace: (before[0]?.workspace ?? 0) - (after[0]?.workspace ?? 0),
    verifier: (before[1]?.key ?? 0) - (after[1]?.key ?? 0),
  }
}

// The client causes the work, so it is the client's limit that stands against it.
test('verification is paid by what is verified, at what it costs, and by nobody else', async () => {
  const { secret } = await makeKey({ permissions: ['scopes:read'], requestsPerMinute: 100 })
  const { token } = await mint(world, secret)
  const charge = (question: object, of = secret) =>
    chargedBy(secret, () => verdictOn(world, gateway.secret, { secret: of, ...question }))
  expect(await charge({})).toEqual({ key: 1, workspace: 1, verifier: 0 })
  expect(await charge({ cost: 7 })).toEqual({ key: 7, workspace: 7, verifier: 0 })
  expect(await charge({ cost: 0 })).toEqual({ key: 0, workspace: 0, verifier: 0 })
  expect(await charge({ cost: null })).toEqual({ key: 1, workspace: 1, verifier: 0 })
  expect(await charge({ cost: 3 }, token)).toEqual({ key: 3, workspace: 3, verifier: 0 })
  const byGate = await chargedBy(secret, () => gate(world, gateway.secret, { secret: token }))
  expect(byGate).toEqual({ key: 1, workspace: 1, verifier: 0 })
  // What came of it is in the answer, and in the headers that the client's own requests get.
  const { rateLimits } = await verdictOn(world, gateway.secret, { secret, cost: 2 })
  const remaining = 100 - (1 + 7 + 1 + 3 + 1 + 2) - 1
  expect(rateLimits).toEqual([
    { subject: 'KEY', limit: 100, remaining },
    { subject: 'WORKSPACE', limit: workspaceLimit, remaining: expect.any(Number) },
  ])
  expect((await gate(world, gateway.secret, { secret })).headers).toMatchObject({
    'ratelimit-policy': `"key";q=100;w=60, "workspace";q=${workspaceLimit};w=60`,
    'x-ratelimit-remaining': String(remaining - 1),
  })
  const own = await world.gql(secret, '{ viewer { kind } }')
  expect(own.headers.get('x-ratelimit-remaining')).toBe(String(remaining - 2))
})

test('whatever is refused for another reason than a limit costs nothing', async () => {
  const { secret, id } = await makeKey({ allowedIps: ['10.0.0.0/8'], requestsPerMinute: 100 })
  const good = { secret, ip: '10.0.0.1' }
  const looked = async () =>
    (await verdictOn(world, gateway.secret, { ...good, cost: 0 })).rateLimits[0].remaining
  const refuse = async (question: object): Promise<void> => {
    const asked = { ...good, cost: 9, ...question }
    expect(await verdictOn(world, gateway.secret, asked)).toMatchObject({
      valid: false,
      rateLimits: [],
    })
    const { status, headers } = await gate(world, gateway.secret, asked)
    expect([401, 403]).toContain(status)
    expect(headers).not.toHaveProperty('ratelimit')
  }
  await refuse({ ip: '192.0.2.1' })
  await refuse({ permissions: ['scopes:read'] })
  await refuse({ spaceIds: ['x'] })
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id })
  await refuse({})
  await done(world, workspace.secret, 'enableApiKey', 'apiKey { id }', { id })
  expect(await looked()).toBe(100)
})

test('over the limit the verdict says after how long to try again, and nothing is charged', async () => {
  const { secret } = await makeKey({ requestsPerMinute: 10 })
  const ask = (cost: number) => verdictOn(world, gateway.secret, { secret, cost })
  expect(await ask(11)).toMatchObject({ code: 'RATE_LIMITED', rateLimits: [{ remaining: 10 }, {}] })
  expect(await ask(8)).toMatchObject({ code: 'VALID', rateLimits: [{ remaining: 2 }, {}] })
  expect(await ask(3)).toMatchObject({ code: 'RATE_LIMITED', rateLimits: [{ remaining: 2 }, {}] })
  expect(await ask(2)).toMatchObject({ code: 'VALID', rateLimits: [{ remaining: 0 }, {}] })
  const { status, headers } = await gate(world, gateway.secret, { secret })
  expect([status, headers['latchkey-verdict']]).toEqual([403, 'RATE_LIMITED'])
  expect(headers['retry-after']).toMatch(/^([1-9]|[1-5]\d|60)$/)
  expect(headers).not.toHaveProperty('latchkey-key-id')
  // Who only looks sees that nothing is left; a limit of 0 blocks even them.
  expect(await ask(0)).toMatchObject({ code: 'VALID', rateLimits: [{ remaining: 0 }, {}] })
  const blocked = await makeKey({ requestsPerMinute: 0 })
  const looked = await verdictOn(world, gateway.secret, { secret: blocked.secret, cost: 0 })
  expect(looked.code).toBe('RATE_LIMITED')
})
