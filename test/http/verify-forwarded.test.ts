import { beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { knock } from '../modules/credential/ask.ts'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

const gateway = '10.0.0.1'
const near = '203.0.113.9'

let verifier: { id: string; secret: string }
let client: string

useWorkspace({ trustedProxies: [gateway, '10.1.0.0/16'] })
beforeAll(async () => {
  const { key } = seed(world, workspace.secret)
  const permissions = ['keys:read', 'keys:verify']
  verifier = await key({ name: 'gateway', permissions })
  client = (
    await key({
      name: 'client',
      permissions: ['agents:read'],
      allSpaces: true,
      allowedIps: [near],
    })
  ).secret
})

/** The status and verdict on a secret, asked from an address with an X-Forwarded-For. */
async function ask(address: string, forwarded: string | undefined, query = '', secret = client) {
  const { status, headers } = await knock(
    world,
    {
      'latchkey-verifier': verifier.secret,
      authorization: `Bearer ${secret}`,
      ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }),
    },
    { address, query },
  )
  return [status, headers['latchkey-verdict']].filter(Boolean).join(' ')
}

// Envoy and Traefik tell the address of a client by this header alone.
test('what a trusted gateway forwards is the address of its client', async () => {
  for (const forwarded of [near, `198.51.100.7, ${near}`, `${near}:5678, 10.1.2.3`])
    for (const query of ['', '/agents/1', '?permission=agents:read'])
      expect([forwarded, query, await ask(gateway, forwarded, query)]).toEqual([
        forwarded,
        query,
        expect.stringMatching(/^20[04] VALID$/),
      ])
  for (const forwarded of [
    '198.51.100.7',
    `${near}, 198.51.100.7`,
    `${near}, unknown`,
    '',
    undefined,
  ])
    expect([forwarded, await ask(gateway, forwarded)]).toEqual([forwarded, '401 IP_NOT_ALLOWED'])
})

test('what any other gateway forwards is not looked at', async () => {
  expect(await ask('192.0.2.1', near)).toBe('401 IP_NOT_ALLOWED')
  expect(await ask('192.0.2.1', near, `?ip=${near}`)).toBe('204 VALID')
})

test('ip goes before what is forwarded', async () => {
  expect(await ask(gateway, '192.0.2.1', `?ip=${near}`)).toBe('204 VALID')
  expect(await ask(gateway, near, '?ip=192.0.2.1')).toBe('401 IP_NOT_ALLOWED')
  expect(await ask(gateway, near, '?ip=')).toBe('400')
})

// Below /verify/ the query is the client's, which must not say where the gateway asks from.
test('an ip in the query of a client changes no address', async () => {
  const headers = { 'latchkey-verifier': verifier.secret, 'x-forwarded-for': near }
  const query = '/agents/1?ip=203.0.113.9'
  const { status, body } = await knock(world, headers, { address: gateway, query })
  expect([status, body]).toEqual([400, expect.stringContaining('Ask for ip at /verify')])
})

test('failed attempts and use count for the address that was forwarded', async () => {
  const guess = (from: string) => ask(gateway, from, '', createApiKeySecret('lk'))
  for (let count = 0; count < 60; count += 1)
    expect(await guess('198.51.100.8')).toBe('401 NOT_FOUND')
  expect(await ask(gateway, '198.51.100.8', '', 'nonsense')).toBe('403 RATE_LIMITED')
  expect(await ask(gateway, '198.51.100.9', '', 'nonsense')).toBe('401 MALFORMED')
  expect(await ask(gateway, near)).toBe('204 VALID')
  await world.deps.usage.flush()
  const query = `{ apiKeys { nodes { name lastUsedIp } } }`
  const { nodes } = (await world.gql(workspace.secret, query)).data.apiKeys
  expect(nodes).toContainEqual({ name: 'client', lastUsedIp: near })
})
