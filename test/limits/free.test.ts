import { expect, test } from 'vitest'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { cheap, remaining } from './ask.ts'

useWorkspace()

let count = 0
const makeKey = async (input: object): Promise<string> =>
  (await seed(world, workspace.secret).key({ name: `key ${++count}`, ...input })).secret

const may = { permissions: ['keys:read', 'keys:verify'] }
const verification = 'mutation { verifyApiKey(input: { secret: "x" }) { code } }'

/** The status of `GET /verify` asked by a key, and what it says is wrong. */
async function asked(verifier: string): Promise<[number, string]> {
  const headers = { 'latchkey-verifier': verifier, authorization: `Bearer ${workspace.secret}` }
  const request = new Request('http://latchkey.test/verify', { headers })
  const response = await world.app.fetch(request)
  return [response.status, await response.text()]
}

test('who may verify pays nothing for it, also with nothing left', async () => {
  const secret = await makeKey({ ...may, requestsPerMinute: 1 })
  for (let times = 0; times < 3; times++) {
    const { status, headers } = await world.gql(secret, verification)
    expect([status, remaining(headers)]).toEqual([200, { key: 1 }])
    expect((await asked(secret))[0]).toBe(204)
  }
  await world.gql(secret, cheap)
  expect((await world.gql(secret, cheap)).status).toBe(429)
  expect((await world.gql(secret, verification)).status).toBe(200)
  expect((await asked(secret))[0]).toBe(204)
})

// A refusal is nobody else's to pay: else whoever names the field would ask without end.
test('who may not verify pays for being told so', async () => {
  const secret = await makeKey({ permissions: ['scopes:read'], requestsPerMinute: 2 })
  const answers = []
  for (let times = 0; times < 3; times++) answers.push(await world.gql(secret, verification))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429])
  expect(answers[1]?.errors[0]?.extensions.code).toBe('FORBIDDEN')

  const other = await makeKey({ permissions: ['scopes:read'], requestsPerMinute: 2 })
  const told = [await asked(other), await asked(other), await asked(other)]
  expect(told.map(([status, text]) => [status, /FORBIDDEN|RATE_LIMITED/.exec(text)?.[0]])).toEqual([
    [400, 'FORBIDDEN'],
    [400, 'FORBIDDEN'],
    [400, 'RATE_LIMITED'],
  ])
})

test('a limit of 0 blocks a verifier at either door', async () => {
  const secret = await makeKey({ ...may, requestsPerMinute: 0 })
  expect((await world.gql(secret, verification)).status).toBe(429)
  expect(await asked(secret)).toEqual([400, expect.stringContaining('RATE_LIMITED')])
})

// One request must not be thirty.
test('a second verification in one operation is paid by who asks', async () => {
  const secret = await makeKey({ ...may, requestsPerMinute: 100 })
  const three = ['a', 'b', 'c'].map(
    (name) => `${name}: verifyApiKey(input: { secret: "x" }) { code }`,
  )
  const { headers } = await world.gql(secret, `mutation { ${three.join(' ')} }`)
  expect(remaining(headers)).toEqual({ key: 98 })
})
