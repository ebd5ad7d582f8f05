import { beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { knock } from '../modules/credential/ask.ts'
import { keyMadeElsewhere } from '../setup/key-made-elsewhere.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

/** A reverse proxy before Latchkey, as in docs/operations.md: it publishes every path, /verify as well. */
const proxy = '10.0.0.1'
const attacker = '198.51.100.7'
const honest = '203.0.113.9'

let client: string

useWorkspace({ trustedProxies: [proxy] })
beforeAll(async () => {
  client = (
    await seed(world, workspace.secret).key({
      name: 'client',
      permissions: ['agents:read'],
      allSpaces: true,
    })
  ).secret
})

const ask = async (verifier: string, from: string | undefined, query = '') => {
  const { status } = await knock(
    world,
    {
      'latchkey-verifier': verifier,
      authorization: `Bearer ${client}`,
      ...(from !== undefined && { 'x-forwarded-for': from }),
    },
    { address: proxy, query },
  )
  return status
}

const reason = async (secret: string, from: string | undefined) => {
  const headers = from === undefined ? undefined : { 'x-forwarded-for': from }
  const { errors } = await world.gql(secret, '{ viewer { kind } }', undefined, {
    address: proxy,
    ...(headers && { headers }),
  })
  return errors[0]?.extensions.reason ?? errors[0]?.extensions.code ?? 'ACCEPTED'
}

test('/verify through a proxy refuses a key outside its address rule, as /graphql does', async () => {
  const { secret } = await seed(world, workspace.secret).key({
    name: 'bound',
    permissions: ['keys:read', 'keys:verify'],
    allowedIps: ['10.0.0.0/8'],
  })
  expect(await reason(secret, attacker)).toBe('IP_NOT_ALLOWED')
  expect(await ask(secret, attacker, `?ip=${honest}`)).toBe(400)
  expect(await ask(secret, attacker)).toBe(400)
})

test('/verify counts guesses of Latchkey-Verifier through a proxy for who guesses', async () => {
  const value = 'legacy-secret-of-the-gateway-0123456789'
  const { results } = await done(
    world,
    workspace.secret,
    'importLegacyKeys',
    'results { errors { message } }',
    {
      keys: [
        {
          name: 'gateway',
          ownerId: workspace.ownerId,
          value,
          encoding: 'PLAINTEXT',
          permissions: ['keys:read', 'keys:verify'],
        },
      ],
    },
  )
  expect(results).toEqual([{ errors: [] }])
  for (let count = 0; count < 60; count += 1) await ask('nonsense', attacker)
  const found = {
    attacker: await reason('nonsense', attacker),
    proxy: await reason('nonsense', undefined),
    gateway: await ask(value, honest),
  }
  expect(found).toEqual({ attacker: 'RATE_LIMITED', proxy: 'MALFORMED', gateway: 204 })
})

test('/verify: a flood of made-up keys through a proxy leaves a gateway its turn', async () => {
  const permissions = ['keys:read', 'keys:verify']
  const gateway = await keyMadeElsewhere(world, workspace, { permissions })
  const guesses = Array.from({ length: 100 }, () => createApiKeySecret('lk'))
  await Promise.all(guesses.map((guess) => ask(guess, '198.51.100.77')))
  const flood = Promise.all(guesses.map(() => ask(createApiKeySecret('lk'), '198.51.100.77')))
  const asked = ask(gateway, honest)
  await flood
  expect(await asked).toBe(204)
})
