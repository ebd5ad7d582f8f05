import { beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { knock } from '../modules/credential/ask.ts'
import { useWorld, world } from '../setup/use-world.ts'

let verifier: string
let client: string

useWorld()
beforeAll(async () => {
  verifier = (await world.createWorkspace()).secret
  client = verifier
})

// The two headers are one credential; a client that sends two of them is refused, not the gateway.
test("the client's credential is looked for where the API looks for it", async () => {
  const named = { 'latchkey-verifier': verifier }
  const other = createApiKeySecret('lk')
  const basic = `Basic ${Buffer.from(`${client}:`).toString('base64')}`
  const presented: [Record<string, string>, number, string, string | undefined][] = [
    [{ 'x-api-key': client }, 204, 'VALID', undefined],
    [{ authorization: `bearer  ${client} `, 'x-api-key': client }, 204, 'VALID', undefined],
    [{ authorization: '', 'x-api-key': client }, 204, 'VALID', undefined],
    [{}, 401, 'MISSING', 'Bearer'],
    [{ authorization: 'Bearer', 'x-api-key': ' ' }, 401, 'MISSING', 'Bearer'],
    [{ cookie: `key=${client}` }, 401, 'MISSING', 'Bearer'],
    [{ authorization: basic }, 401, 'MISSING', 'Bearer'],
    [{ authorization: basic, 'x-api-key': client }, 204, 'VALID', undefined],
    [{ authorization: basic, 'x-api-key': other }, 401, 'NOT_FOUND', expect.any(String)],
    [{ authorization: client }, 401, 'MALFORMED', 'Bearer error="invalid_token"'],
    [{ authorization: client, 'x-api-key': client }, 401, 'MALFORMED', expect.any(String)],
    [
      { authorization: `Bearer ${client}`, 'x-api-key': other },
      401,
      'MALFORMED',
      expect.any(String),
    ],
    [{ authorization: `Bearer ${client}, Bearer ${client}` }, 401, 'MALFORMED', expect.any(String)],
  ]
  for (const [own, status, verdict, challenge] of presented) {
    const answer = await knock(world, { ...named, ...own })
    const told = {
      verdict: answer.headers['latchkey-verdict'],
      challenge: answer.headers['www-authenticate'],
    }
    expect([own, answer.status, told]).toEqual([own, status, { verdict, challenge }])
    expect(JSON.stringify(answer)).not.toContain(client)
  }
  // What a client makes up for a gateway to believe is not passed on.
  const forged = {
    'latchkey-key-id': 'key_forged',
    'latchkey-permissions': '*',
    'latchkey-verdict': 'VALID',
  }
  expect((await knock(world, { ...named, ...forged })).headers).not.toHaveProperty(
    'latchkey-key-id',
  )
})
