import { expect, test } from 'vitest'
import { eventually } from '../setup/eventually.ts'
import { useWorld, world } from '../setup/use-world.ts'
import { open, serve } from './listening.ts'

useWorld()

const query = '{ viewer { kind } }'
const json = JSON.stringify({ query, variables: { unused: 'x'.repeat(900_000) } })

const bodies = {
  'of JSON': { type: 'application/json', body: json },
  'of a form before its file': {
    type: 'multipart/form-data; boundary=x',
    body: `--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n${json}\r\n--x--\r\n`,
  },
}

const headOf = (type: string, length: number, ...headers: string[]): string =>
  [
    'POST /graphql HTTP/1.1',
    'Host: test',
    `Content-Type: ${type}`,
    `Content-Length: ${length}`,
    ...headers,
    '',
    '',
  ].join('\r\n')

test.each(Object.entries(bodies))(
  'bodies %s that do not end are bounded by caller',
  async (_, sent) => {
    const { port, url } = await serve((request, peer) => world.app.fetch(request, peer))
    const [greedy, other] = [await world.createWorkspace(), await world.createWorkspace()]
    const begin = async (secret: string) => {
      const connection = await open(port)
      await connection.write(headOf(sent.type, sent.body.length, `X-API-Key: ${secret}`))
      await connection.write(sent.body.slice(0, -1))
      return connection
    }
    const connections = await Promise.all(Array.from({ length: 50 }, () => begin(greedy.secret)))
    const refused = () => connections.filter(({ received }) => received() !== '')
    await eventually(() => expect(refused().length).toBeGreaterThan(10))
    for (const { received } of refused())
      expect(received()).toMatch(/^HTTP\/1\.1 429 .+retry-after: 5\r\n.+"code":"RATE_LIMITED"/is)

    const ask = (secret: string, body: string) =>
      fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': secret },
        body,
      })
    expect((await ask(other.secret, json)).status).toBe(200)
    // Small ones pass.
    expect((await ask(greedy.secret, JSON.stringify({ query }))).status).toBe(200)
    expect((await ask(greedy.secret, json)).status).toBe(429)

    // A refused one is read to its end, and its connection goes on.
    const whole = await begin(greedy.secret)
    const next = `${headOf('application/json', 2, `X-API-Key: ${greedy.secret}`)}{}`
    await whole.write(sent.body.slice(-1) + next)
    await eventually(() => expect(whole.received()).toMatch(/^HTTP\/1\.1 429 .+HTTP\/1\.1 400 /s))

    for (const { socket } of [whole, ...connections]) socket.destroy()
    await eventually(async () => expect((await ask(greedy.secret, json)).status).toBe(200))
  },
)

test('bodies without a credential are bounded by address, and hold up none with one', async () => {
  const { port, url } = await serve((request, peer) =>
    world.app.fetch(request, { ...peer, address: '192.0.2.1' }),
  )
  const { secret } = await world.createWorkspace()
  const connections = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const connection = await open(port)
      await connection.write(headOf('application/json', json.length))
      await connection.write(json.slice(0, -1))
      return connection
    }),
  )
  const refused = () => connections.filter(({ received }) => received().startsWith('HTTP/1.1 429 '))
  await eventually(() => expect(refused().length).toBeGreaterThan(10))
  const { status } = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': secret },
    body: json,
  })
  expect(status).toBe(200)
})
