import { once } from 'node:events'
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib'
import { beforeAll, expect, test } from 'vitest'
import { createStage, uploadQuery } from '../modules/document/ask.ts'
import { eventually } from '../setup/eventually.ts'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { open, serve, serveHandler } from './listening.ts'

const mebibyte = 1_048_576
const maxBodyBytes = mebibyte

let key: { id: string; secret: string }

useWorkspace()
beforeAll(async () => {
  key = await seed(world, workspace.secret).key({ name: 'client', permissions: ['members:read'] })
})

const encodings: [string, (body: string | Uint8Array) => Uint8Array<ArrayBuffer>][] = [
  ['gzip', gzipSync],
  ['X-GZIP', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  [' Identity', (body) => Buffer.from(body as string)],
]

const post = (url: string, encoding: string, body: BodyInit, headers: HeadersInit = {}) =>
  fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'content-encoding': encoding,
      authorization: `Bearer ${workspace.secret}`,
      ...headers,
    },
    body,
    duplex: 'half',
  } as RequestInit)

test.each(encodings)('a body in %s is read, declared or chunked', async (name, encode) => {
  const { url } = await serveHandler(world.app.handle)
  const body = encode(JSON.stringify({ query: '{ viewer { kind } }' }))
  for (const sent of [body, new Blob([body]).stream()])
    expect(await (await post(`${url}/graphql`, name, sent)).json()).toEqual({
      data: { viewer: { kind: 'API_KEY' } },
    })
})

test.each(encodings)('a form of OAuth in %s is read', async (name, encode) => {
  const { url } = await serveHandler(world.app.handle)
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: key.id,
    client_secret: key.secret,
  })
  const headers = { 'content-type': 'application/x-www-form-urlencoded', authorization: '' }
  const answer = await post(`${url}/oauth/token`, name, encode(`${form}`), headers)
  expect(await answer.json()).toMatchObject({ token_type: 'Bearer' })
})

test.each(encodings)('an upload in %s is read', async (name, encode) => {
  const { url } = await serveHandler(world.app.handle, { maxUploadBytes: 4 * mebibyte })
  const stage = await createStage(world)
  const form = new FormData()
  const variables = { sessionId: stage.session, file: null }
  form.set('operations', JSON.stringify({ query: uploadQuery, variables }))
  form.set('map', JSON.stringify({ f: ['variables.file'] }))
  form.set('f', new File(['text '.repeat(200_000)], 'notes.txt'))
  const plain = new Response(form)
  const body = encode(name === ' Identity' ? await plain.text() : await plain.bytes())
  const answer = await post(`${url}/graphql`, name, body, {
    'content-type': plain.headers.get('content-type') ?? '',
    authorization: `Bearer ${stage.workspace.secret}`,
  })
  const { data } = await answer.json()
  expect(data.uploadDocument).toMatchObject({ document: { bytes: 1_000_000 }, errors: [] })
})

test.each(['zstd', 'compress', 'gzip, gzip', 'br,gzip', 'identity, gzip', 'gzip;q=1', '*'])(
  'a body in %j is refused wherever it is sent',
  async (encoding) => {
    const { url } = await serveHandler(world.app.handle)
    for (const path of ['/graphql', '/oauth/token', '/oauth/introspect', '/oauth/revoke']) {
      const answer = await post(url + path, encoding, gzipSync('{"query":"{ viewer { kind } }"}'))
      expect([answer.status, answer.headers.get('accept-encoding')]).toEqual([
        415,
        'gzip, deflate, br',
      ])
      expect(await answer.json()).toMatchObject({
        errors: [
          {
            message: 'Content-Encoding must be one of gzip, deflate, br, or absent.',
            extensions: { code: 'BAD_REQUEST' },
          },
        ],
      })
    }
  },
)

test.each([
  ['is not in it', Buffer.from('{"query":"{ viewer { kind } }"}')],
  ['is cut off', gzipSync(JSON.stringify({ query: '{ viewer { kind } }' })).subarray(0, -9)],
  ['is empty', new Uint8Array()],
])('a body that %s is refused', async (_, body) => {
  const { url } = await serveHandler(world.app.handle)
  const answer = await post(`${url}/graphql`, 'gzip', body)
  expect(answer.status).toBe(400)
})

const echoLength = async (request: Request) => new Response(String((await request.text()).length))

test.each(encodings)('in %s the limit is that of what was encoded', async (name, encode) => {
  const { url } = await serve(echoLength)
  const within = await post(url, name, encode('a'.repeat(maxBodyBytes)))
  expect(await within.text()).toBe(String(maxBodyBytes))
  const beyond = await post(url, name, encode('a'.repeat(maxBodyBytes + 1)))
  expect([beyond.status, await beyond.json()]).toMatchObject([
    413,
    { errors: [{ message: 'The request body must have at most 1048576 bytes.' }] },
  ])
})

test('a body that would grow without end takes no more than the limit', async () => {
  const { url } = await serveHandler(world.app.handle)
  const params = { [constants.BROTLI_PARAM_QUALITY]: 1 }
  const body = brotliCompressSync(Buffer.alloc(256 * mebibyte), { params })
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const before = process.memoryUsage().rss
  expect((await post(`${url}/graphql`, 'br', body)).status).toBe(413)
  expect((await post(`${url}/oauth/token`, 'br', body, form)).status).toBe(413)
  expect((process.memoryUsage().rss - before) / mebibyte).toBeLessThan(64)
})

test('requests of one connection are read each by its own encoding', async () => {
  const { port } = await serve(echoLength)
  const { write, received, gone } = await open(port)
  const request = (encoding: string, body: Uint8Array, ...more: string[]) =>
    Buffer.concat([
      Buffer.from(
        [
          'POST / HTTP/1.1',
          'Host: test',
          `Content-Encoding: ${encoding}`,
          `Content-Length: ${body.length}`,
          ...more,
          '',
          '',
        ].join('\r\n'),
      ),
      body,
    ])
  await write(
    Buffer.concat([
      request('gzip', gzipSync('a'.repeat(10))),
      request('identity', Buffer.from('a'.repeat(11))),
      request('br', brotliCompressSync('a'.repeat(12)), 'Connection: close'),
    ]),
  )
  await gone
  expect(received().match(/^1\d$/gm)).toEqual(['10', '11', '12'])
})

test('who leaves within a body is no failure, and neither is a body that nobody reads', async () => {
  const { port, url, logged } = await serveHandler(world.app.handle)
  const connection = await open(port)
  const head = `POST /graphql HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nAuthorization: Bearer ${workspace.secret}\r\n`
  await connection.write(`${head}Content-Encoding: gzip\r\nContent-Length: 100\r\n\r\n`)
  await connection.write(gzipSync('{"query":"').subarray(0, 12))
  connection.socket.destroy()
  const refused = await post(`${url}/graphql`, 'gzip', gzipSync('{}'), { authorization: '' })
  expect(refused.status).toBe(401)
  expect(logged).toEqual([])
})

const isGone = async ({ signal }: Request) => {
  if (!signal.aborted) await once(signal, 'abort')
}
const readers: [string, (request: Request) => Promise<Response>][] = [
  [
    'before it is read',
    async (request) => {
      await isGone(request)
      return await echoLength(request)
    },
  ],
  [
    'while it is read',
    async (request) => {
      const reader = request.body?.getReader()
      await reader?.read()
      await isGone(request)
      while ((await reader?.read())?.done === false);
      return new Response('read')
    },
  ],
]
const encoded = gzipSync('a'.repeat(mebibyte - 1))
const cut = Buffer.concat([encoded.subarray(0, -8), Buffer.alloc(8)])

test.each(
  readers.flatMap(([when, read]) => [
    ['too large', when, read, gzipSync('a'.repeat(2 * mebibyte))] as const,
    ['not as it is encoded', when, read, cut] as const,
  ]),
)(
  'a request whose body is %s ends also when its client leaves %s',
  async (_, _when, read, body) => {
    const outcomes: unknown[] = []
    const ended = (_state: unknown, outcome: unknown) => void outcomes.push(outcome)
    const { port, logged } = await serve(read, { ended })
    const connection = await open(port)
    const head = ['POST / HTTP/1.1', 'Host: test', 'Content-Encoding: gzip']
    await connection.write([...head, `Content-Length: ${body.length}`, '', ''].join('\r\n'))
    await connection.write(body)
    connection.socket.destroySoon()
    await eventually(() => expect(outcomes).toMatchObject([{ status: 499, isAborted: true }]))
    expect(logged).toEqual([])
  },
)
