import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { builtInPlans } from '../../src/limits/plans.ts'
import { exchange, send } from '../oauth/ask.ts'
import { done, seed } from '../setup/seed.ts'
import type { TestWorkspace, World } from '../setup/world.ts'
import { createSignInWorld, type SignInWorld } from '../sign-in/sign-in-world.ts'
import { changePlan, cheap, limitHeaders, limitTo, remaining, toldLimits } from './ask.ts'

let signIn: SignInWorld
let world: World
let workspace: TestWorkspace

const plans = {
  ...builtInPlans,
  FREE: { requestsPerMinute: 20, requestsPerMinutePerKey: 10, keyLimit: 5 },
  PRO: { requestsPerMinute: null, requestsPerMinutePerKey: 10, keyLimit: null },
}

beforeAll(async () => {
  signIn = await createSignInWorld({ signUp: true, limits: { plans } })
  world = signIn.world
})
afterAll(() => signIn.close())
beforeEach(async () => {
  workspace = await world.createWorkspace()
})

let count = 0
const makeKey = (input: object = {}) =>
  seed(world, workspace.secret).key({ name: `key ${++count}`, ...input })

/** Asks for what costs 1, and tells what remains. */
const ask = async (secret: string, query = cheap) => {
  const { status, headers } = await world.gql(secret, query)
  return { status, ...remaining(headers) }
}
const passed = (rest: object) => ({ status: 200, ...rest })
const refused = (rest: object) => ({ status: 429, ...rest })

test('a key is charged, and its workspace; two keys share what their workspace has', async () => {
  const [one, two] = [await makeKey(), await makeKey()]
  await changePlan(world, workspace, 'free')
  for (let rest = 9; rest >= 0; rest -= 1)
    expect(await ask(one.secret)).toEqual(passed({ key: rest, workspace: rest + 10 }))
  expect(await ask(one.secret)).toEqual(refused({ key: 0, workspace: 10 }))
  for (let rest = 9; rest >= 0; rest -= 1)
    expect(await ask(two.secret)).toEqual(passed({ key: rest, workspace: rest }))
  expect(await ask(workspace.secret)).toEqual(refused({ key: 10, workspace: 0 }))
})

test('a workspace without a limit may have one for each key, and the other way round', async () => {
  const key = await makeKey({ requestsPerMinute: 3 })
  await changePlan(world, workspace, 'pro')
  expect(await ask(key.secret)).toEqual(passed({ key: 2 }))
  expect(await ask(workspace.secret)).toEqual(passed({ key: 9 }))
  await limitTo(world, workspace)
  expect(await ask(key.secret)).toEqual(passed({ key: 1 }))
  expect(await ask(workspace.secret)).toEqual(passed({}))
})

test("a key's own limit holds where it is lower than the plan's, which cuts a higher one", async () => {
  const [low, high, none] = [
    await makeKey({ requestsPerMinute: 2 }),
    await makeKey({ requestsPerMinute: 5_000 }),
    await makeKey({ requestsPerMinute: 0 }),
  ]
  expect(await ask(high.secret)).toEqual(passed({ key: 4_999 }))
  await changePlan(world, workspace, 'free')
  expect(await ask(low.secret)).toEqual(passed({ key: 1, workspace: 19 }))
  expect(await ask(high.secret)).toEqual(passed({ key: 8, workspace: 18 }))
  expect(await ask(none.secret)).toEqual(refused({ key: 0, workspace: 18 }))
})

test('a limit of 0 blocks a key, and a workspace with all that is in it', async () => {
  const key = await makeKey({ requestsPerMinute: 0 })
  const { headers, errors } = await world.gql(key.secret, cheap)
  expect(errors[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 60 })
  expect([toldLimits(headers).key, headers.get('retry-after')]).toEqual([
    { limit: 0, remaining: 0, resetSeconds: 60 },
    '60',
  ])
  expect(await ask(workspace.secret)).toEqual(passed({}))
  await limitTo(world, workspace, 0)
  expect(await ask(workspace.secret)).toEqual(refused({ key: 0, workspace: 0 }))
})

// Otherwise a key would multiply its limit by its tokens.
test('all tokens of a key are charged to it', async () => {
  const key = await makeKey({ permissions: ['workspace:read'] })
  const [one, two] = [await exchange(world, key), await exchange(world, key)]
  await changePlan(world, workspace, 'free')
  expect(await ask(one)).toEqual(passed({ key: 9, workspace: 19 }))
  expect(await ask(two)).toEqual(passed({ key: 8, workspace: 18 }))
  expect(await ask(key.secret)).toEqual(passed({ key: 7, workspace: 17 }))
  const successor = await done(world, two, 'rotateAccessToken', 'token', {})
  expect(await ask(successor.token)).toEqual(passed({ key: 5, workspace: 15 }))
})

test('a rotation keeps what was used, and both secrets share what is left', async () => {
  const key = await makeKey({ requestsPerMinute: 10 })
  await ask(key.secret)
  const rotate = (input: object) =>
    done(world, workspace.secret, 'rotateApiKey', 'secret apiKey { rotatedAt }', {
      id: key.id,
      ...input,
    })
  const { secret, apiKey } = await rotate({ overlapSeconds: 60 })
  expect(await ask(secret)).toEqual(passed({ key: 8 }))
  expect(await ask(key.secret)).toEqual(passed({ key: 7 }))
  const { secret: third } = await rotate({
    overlapSeconds: 0,
    expectedRotatedAt: apiKey.rotatedAt,
  })
  expect(await ask(third)).toEqual(passed({ key: 6 }))
})

test('a person is charged to the workspace that they ask in', async () => {
  const person = await signIn.person('ada')
  await signIn.invite(workspace, 'ada')
  await changePlan(world, workspace, 'free')
  expect(await ask(person)).toEqual(passed({ workspace: 19 }))
  expect(await ask(workspace.secret)).toEqual(passed({ key: 9, workspace: 18 }))
  for (let rest = 17; rest >= 0; rest -= 1) await ask(person)
  expect(await ask(person)).toEqual(refused({ workspace: 0 }))
  const other = await world.createWorkspace()
  await signIn.invite(other, 'ada')
  const headers = { 'x-workspace-id': other.id }
  expect((await world.gql(person, cheap, undefined, { headers })).status).toBe(200)
})

// Nobody who has a credential may ask without end.
test('who is in no workspace has the limit of a FREE one, each to themselves', async () => {
  const [one, another] = [await signIn.person('nobody'), await signIn.person('nobody else')]
  const query = '{ workspaces { nodes { id } } }'
  for (let rest = 19; rest >= 0; rest -= 1)
    expect(await ask(one, query)).toEqual(passed({ workspace: rest }))
  expect(await ask(one, query)).toEqual(refused({ workspace: 0 }))
  expect(await ask(another, query)).toEqual(passed({ workspace: 19 }))
})

test('rateLimits tells a key, a token and a person what the headers tell', async () => {
  const key = await makeKey()
  const token = await exchange(world, key)
  await signIn.invite(workspace, 'grace')
  const person = await signIn.person('grace')
  await changePlan(world, workspace, 'free')
  const query = '{ rateLimits { subject limit windowSeconds remaining resetAt } }'
  for (const secret of [key.secret, token, person]) {
    const { data, headers } = await world.gql(secret, query)
    const told = Object.entries(toldLimits(headers)).map(([name, limit]) => ({
      subject: name.toUpperCase(),
      windowSeconds: 60,
      limit: limit.limit,
      remaining: limit.remaining,
      resetAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.+Z$/),
    }))
    expect(data.rateLimits).toEqual(told)
    const last = data.rateLimits.at(-1)
    expect(Math.ceil(Date.parse(last.resetAt) / 1_000)).toBe(
      Number(headers.get('x-ratelimit-reset')),
    )
  }
})

// Whoever knows the id of a key could otherwise stop it, or see how much it is used.
test('who is not let in touches no bucket, whosever key they name', async () => {
  const victim = await makeKey({ requestsPerMinute: 10, allowedIps: ['192.0.2.0/24'] })
  const address = '192.0.2.1'
  const look = async () =>
    remaining((await world.gql(victim.secret, cheap, {}, { address })).headers).key
  expect(await look()).toBe(9)
  const wrong = `${victim.secret.slice(0, -1)}${victim.secret.endsWith('0') ? '1' : '0'}`
  const form = { grant_type: 'client_credentials', token: 'x' }
  for (const path of ['/oauth/token', '/oauth/introspect', '/oauth/revoke'])
    for (const client of [
      { id: victim.id, secret: wrong },
      { id: victim.id, secret: workspace.secret },
      { id: workspace.keyId, secret: victim.secret },
    ]) {
      const answer = await send(world, path, form, { client, address })
      expect([answer.status, limitHeaders(answer.headers)]).toEqual([401, []])
    }
  const attempts = [
    world.gql(wrong, cheap, {}, { address }),
    world.gql(victim.id, cheap, {}, { address }),
    world.gql(victim.secret, cheap, {}, { address: '198.51.100.1' }),
    world.gql(null, cheap, {}, { address, headers: { 'x-api-key': wrong } }),
  ]
  for (const answer of await Promise.all(attempts))
    expect([answer.status, limitHeaders(answer.headers)]).toEqual([401, []])
  expect(await look()).toBe(8)
})
