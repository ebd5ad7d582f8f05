import { createHash, randomBytes } from 'node:crypto'
import { afterAll, expect, test } from 'vitest'
import { exchange } from '../http/listening.ts'
import { seed } from '../setup/seed.ts'
import { inWords, valuesOf } from './backend.ts'
import { startGateway } from './gateway.ts'

const gateway = await startGateway()
afterAll(() => gateway.close())
const make = seed(gateway.world, gateway.workspace.secret)

const can = { permissions: ['agents:read', 'agents:update'], allSpaces: true }

const inPieces = (body: Uint8Array): ReadableStream =>
  new ReadableStream({
    start: (controller) => {
      for (let at = 0; at < body.length; at += 10_000)
        controller.enqueue(body.subarray(at, at + 10_000))
      controller.close()
    },
  })

test('a body reaches the service whole, declared or in pieces, and Latchkey gets none', async () => {
  const { secret } = await make.key({ name: 'bodies', ...can })
  const before = gateway.latchkey.questions.length
  const body = randomBytes(900_000)
  const expected = { length: body.length, sha256: createHash('sha256').update(body).digest('hex') }
  for (const sent of [body, inPieces(body)]) {
    const init = { method: 'POST', body: sent, duplex: 'half' } as RequestInit
    expect((await gateway.ask(secret, '/agents/a', init)).received).toMatchObject(expected)
  }
  const questions = gateway.latchkey.questions.slice(before)
  expect(questions).toHaveLength(2)
  for (const { method, headers } of questions) {
    expect(method).toBe('GET')
    expect(headers).not.toHaveProperty('content-length')
    expect(headers).not.toHaveProperty('transfer-encoding')
    expect(headers).not.toHaveProperty('content-type')
  }
})

test('the body of a request that is refused goes nowhere', async () => {
  const { secret } = await make.key({
    name: 'reader',
    permissions: ['agents:read'],
    allSpaces: true,
  })
  const init = { method: 'POST', body: randomBytes(900_000) }
  const outcome = await gateway.ask(secret, '/agents/a', init)
  expect(inWords(outcome)).toBe('403 INSUFFICIENT_PERMISSIONS')
})

const request = (secret: string): string =>
  `GET /agents/a HTTP/1.1\r\nHost: test\r\nX-API-Key: ${secret}\r\n`

/** The statuses of several answers, each with the key that the service was told of. */
const answersIn = (text: string): string[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d+) (?:(?!HTTP\/1\.1).)*/gs)].map(([answer, status]) =>
    [status, /"(key_[0-9a-z]+)"/.exec(answer)?.[1]].filter(Boolean).join(' '),
  )

// The second one must not pass, or be somebody, by the verdict on the first.
test('requests that are sent at once on one connection have a verdict each', async () => {
  const [a, b] = [await make.key({ name: 'a', ...can }), await make.key({ name: 'b', ...can })]
  const secrets = [a.secret, b.secret, 'nonsense', a.secret, '', b.secret]
  const heads = secrets.map(request).join('\r\n')
  const answers = await exchange(gateway.nginx.port, `${heads}Connection: close\r\n\r\n`)
  expect(answersIn(answers)).toEqual([
    `200 ${a.id}`,
    `200 ${b.id}`,
    '401',
    `200 ${a.id}`,
    '401',
    `200 ${b.id}`,
  ])
})

test('fifty clients at once with five keys and a bad one are who they are', async () => {
  const keys = await Promise.all(
    ['1', '2', '3', '4', '5'].map((name) => make.key({ name: `at once ${name}`, ...can })),
  )
  const callers = [...keys, { id: 'nobody', secret: `lk_${'0'.repeat(49)}` }]
  const rounds = Array.from({ length: 50 }, (_, index) => callers[index % callers.length])
  const told = await Promise.all(
    rounds.map(async (caller) => {
      const outcome = await gateway.ask(caller?.secret ?? null, '/agents/a')
      const [id] = outcome.received ? valuesOf(outcome.received, 'Latchkey-Key-Id') : []
      return id ?? inWords(outcome)
    }),
  )
  const expected = rounds.map((caller) => (caller?.id === 'nobody' ? '401 MALFORMED' : caller?.id))
  expect(told).toEqual(expected)
})

test('connections to the service and to Latchkey are kept', async () => {
  const { secret } = await make.key({ name: 'kept', ...can })
  await gateway.ask(secret, '/agents/a')
  const before = [gateway.service.connections(), gateway.latchkey.connections()]
  for (let count = 0; count < 10; count += 1) {
    expect(inWords(await gateway.ask(secret, '/agents/a'))).toBe('passed')
    expect(inWords(await gateway.ask('nonsense', '/agents/a'))).toBe('401 MALFORMED')
    expect(inWords(await gateway.ask(null, '/agents/a'))).toBe('401 MISSING')
  }
  expect([gateway.service.connections(), gateway.latchkey.connections()]).toEqual(before)
})
