import { stat } from 'node:fs/promises'
import { afterAll, expect, test } from 'vitest'
import { exchange } from '../http/listening.ts'
import { seed } from '../setup/seed.ts'
import { inWords, valuesOf } from './backend.ts'
import { startGateway } from './gateway.ts'
import type { Received } from './service.ts'

const gateway = await startGateway()
afterAll(() => gateway.close())
const key = await seed(gateway.world, gateway.workspace.secret).key({
  name: 'client',
  permissions: ['agents:read'],
  allSpaces: true,
})

/** Sends these header lines as they are, after a good key, and gives what reached the service. */
async function send(...lines: readonly string[]): Promise<Received | string> {
  const before = gateway.service.received.length
  const head = ['GET /agents/a HTTP/1.1', 'Host: test', `Authorization: Bearer ${key.secret}`]
  const text = [...head, ...lines, 'Connection: close', '', ''].join('\r\n')
  const answer = await exchange(gateway.nginx.port, text)
  return gateway.service.received[before] ?? answer.slice('HTTP/1.1 '.length, answer.indexOf('\r'))
}

const told = ['Latchkey-Key-Id', 'Latchkey-Owner-Id', 'Latchkey-Workspace-Id']
const names = [...told, 'Latchkey-Permissions', 'Latchkey-Verdict', 'Latchkey-Verifier']

// The service believes these headers: whoever could set one would be anybody.
test('what a client sends under the names of the verdict never reaches the service', async () => {
  const spellings = (name: string): string[] => [
    name,
    name.toLowerCase(),
    name.toUpperCase(),
    name.replaceAll('-', '_'),
    name.replace('-', '_'),
    name.replaceAll('-', '.'),
  ]
  const lines = names.flatMap(spellings).map((name) => `${name}: forged`)
  const received = await send(...lines, ...lines, `Connection: close, ${names.join(', ')}`)
  expect(received).toMatchObject({ method: 'GET', url: '/agents/a' })
  expect(JSON.stringify(received)).not.toContain('forged')
  const { headers } = received as Received
  const ofVerdict = headers.filter((name) => /^latchkey/i.test(name))
  expect(ofVerdict).toEqual([...told, 'Latchkey-Permissions'])
  expect(valuesOf(received as Received, 'Latchkey-Key-Id')).toEqual([key.id])
})

// It is judged by its method and path: the service must not act by others.
test('no header tells the service of another method or path than was judged', async () => {
  const methods = ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override']
  const names = [...methods, 'X-Original-URL', 'X-Rewrite-URL']
  const spellings = names.flatMap((name) => [name, name.toLowerCase(), name.replaceAll('-', '_')])
  const received = await send(...spellings.map((name) => `${name}: forged`))
  expect(received).toMatchObject({ method: 'GET', url: '/agents/a' })
  expect(JSON.stringify(received)).not.toContain('forged')
})

// A space, a line break or a colon in the wrong place must not hide a header from nginx alone.
test.each([
  'Latchkey-Key-Id : forged',
  'Latchkey-Key-Id\t: forged',
  ' Latchkey-Key-Id: forged',
  'X-Other: a\r Latchkey-Key-Id: forged',
  'X-Other: a\r\n Latchkey-Key-Id: forged',
  'X-Other: a\nLatchkey-Key-Id: forged',
  'Latchkey-Key-Id\0: forged',
])('a malformed header is refused or dropped: %j', async (line) => {
  const received = await send(line)
  if (typeof received === 'string') expect(received).toMatch(/^400 /)
  else expect(JSON.stringify(received)).not.toContain('forged')
})

test("neither the client's credential nor the gateway's key reaches the service", async () => {
  const received = await send(`X-API-Key: ${key.secret}`, 'X-Kept: yes')
  expect(received).toMatchObject({ headers: expect.arrayContaining(['X-Kept', 'yes']) })
  expect(JSON.stringify(received)).not.toMatch(/lk_|authorization|x-api-key/i)
  expect(gateway.nginx.logged()).not.toContain(gateway.verifier.secret)
  expect((await stat(gateway.verifier.file)).mode & 0o777).toBe(0o600)
})

test('Latchkey is told the credentials of the client, and nothing else of what it sent', async () => {
  const before = gateway.latchkey.questions.length
  const owner = gateway.workspace.secret
  const headers = { 'latchkey-verifier': owner, 'x-forwarded-for': '192.0.2.1', cookie: 'a=b' }
  const init = { method: 'GET', headers: { ...headers, 'x-api-key': key.secret } }
  expect(inWords(await gateway.ask(key.secret, '/agents/a', init))).toBe('passed')
  expect(gateway.latchkey.questions.slice(before)).toEqual([
    {
      method: 'GET',
      target: '/verify?ip=127.0.0.1&permission=agents:read',
      headers: {
        authorization: `Bearer ${key.secret}`,
        'x-api-key': key.secret,
        'latchkey-verifier': gateway.verifier.secret,
        host: 'latchkey',
      },
    },
  ])
})

// Of two credentials one would be judged and the other one meant.
test('two different credentials are no credential, whichever comes first', async () => {
  const bad = `lk_${'0'.repeat(49)}`
  expect(await send(`X-API-Key: ${bad}`)).toBe('401 Unauthorized')
  const twice = await send(`Authorization: Bearer ${bad}`)
  expect(twice).toMatch(/^40[01] /)
})
