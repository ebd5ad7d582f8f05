import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { getIntrospectionQuery } from 'graphql'
import { beforeAll, expect, test } from 'vitest'
import { jsonReply, responseOf } from '../../src/http/routes/route.ts'
import { createStage, type Stage, uploaded } from '../modules/document/ask.ts'
import { useWorld, world } from '../setup/use-world.ts'
import { exchange, serve, serveHandler } from './listening.ts'

let stage: Stage

useWorld()
beforeAll(async () => {
  stage = await createStage(world)
})

interface Received {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  /** As it came. */
  readonly body: Buffer
}

/** Asks as a client that decodes nothing by itself. */
async function ask(url: string, headers: Record<string, string>, method = 'GET', sent = '') {
  const asking = request(url, { method, headers }).end(sent)
  const [response] = await once(asking, 'response')
  const body = Buffer.concat(await response.toArray())
  return { status: response.statusCode, headers: response.headers, body } as Received
}

const encoded = (coding?: string) => (coding === undefined ? {} : { 'accept-encoding': coding })

const decoders: Record<string, (body: Buffer) => Buffer> = {
  gzip: gunzipSync,
  br: brotliDecompressSync,
}

function textOf({ headers, body }: Received): string {
  expect(headers['content-length']).toBe(String(body.length))
  const decode = decoders[headers['content-encoding'] ?? '']
  return (decode?.(body) ?? body).toString()
}

/** Asks the API with the owner's key. */
const askApi = async (query: string, headers: Record<string, string>) => {
  const { url } = await serveHandler(world.app.handle)
  const key = { authorization: `Bearer ${stage.workspace.secret}` }
  const json = { 'content-type': 'application/json' }
  return ask(`${url}/graphql`, { ...key, ...json, ...headers }, 'POST', JSON.stringify({ query }))
}

test.each([
  ['gzip', 'gzip'],
  ['br', 'br'],
  ['gzip, deflate, br, zstd', 'br'],
  ['GZIP;Q=0.5', 'gzip'],
  ['gzip;q=1.0, br;q=0.5', 'gzip'],
  ['*', 'br'],
  ['br;q=0, *', 'gzip'],
  ['*;q=0, gzip', 'gzip'],
  ['identity;q=0, gzip;q=0.1', 'gzip'],
  ['identity, gzip;q=0.5', undefined],
  ['gzip;q=0, br;q=0.000', undefined],
  ['deflate, zstd', undefined],
  ['identity', undefined],
  ['*;q=0', undefined],
  ['', undefined],
  [undefined, undefined],
])('an answer to Accept-Encoding %j is in %s', async (asked, coding) => {
  const answer = await askApi(getIntrospectionQuery(), encoded(asked))
  expect(answer.headers).toMatchObject({ vary: 'accept-encoding' })
  expect(answer.headers['content-encoding']).toBe(coding)
  expect(JSON.parse(textOf(answer)).data.__schema.queryType).toMatchObject({ name: 'Query' })
  if (coding !== undefined) expect(answer.body.length).toBeLessThan(30_000)
})

/** An answer of the application with a text of that length in JSON. */
const text = (length: number): Response => responseOf(jsonReply(200, 'a'.repeat(length)), 'an id')

test('an answer of a kibibyte is sent as it is, and a longer one is not', async () => {
  const { url } = await serve(async (asked) =>
    text(Number(new URL(asked.url).searchParams.get('length'))),
  )
  const short = await ask(`${url}/?length=1022`, encoded('gzip'))
  expect([short.headers['content-encoding'], short.headers.vary]).toEqual([undefined, undefined])
  const long = await ask(`${url}/?length=1023`, encoded('gzip'))
  expect([long.headers['content-encoding'], textOf(long).length]).toEqual(['gzip', 1025])
})

test('errors are compressed as data are', async () => {
  const wrong = `{ ${Array.from({ length: 20 }, (_, i) => `nothing${i}`).join(' ')} }`
  const accept = { accept: 'application/graphql-response+json' }
  const answer = await askApi(wrong, { ...accept, ...encoded('br') })
  expect([answer.status, answer.headers['content-encoding']]).toEqual([400, 'br'])
  expect(JSON.parse(textOf(answer)).errors).toHaveLength(20)
})

test('HEAD tells what GET would', async () => {
  const { url } = await serveHandler(world.app.handle)
  const path = `${url}/.well-known/oauth-authorization-server`
  const get = await ask(path, encoded('gzip'))
  expect(JSON.parse(textOf(get))).toHaveProperty('issuer')
  const head = await ask(path, encoded('gzip'), 'HEAD')
  expect(head.body.length).toBe(0)
  const names = ['content-encoding', 'content-length', 'vary', 'content-type', 'cache-control']
  for (const name of names) expect([name, head.headers[name]]).toEqual([name, get.headers[name]])
})

test('a document is sent as it is, and GraphiQL as it was compressed before', async () => {
  const { url } = await serveHandler(world.app.handle)
  const content = 'text '.repeat(1_000)
  const { id } = await uploaded(world, stage.workspace.secret, stage.session, content)
  const key = { authorization: `Bearer ${stage.workspace.secret}` }
  const document = await ask(`${url}/documents/${id}`, { ...key, ...encoded('gzip, br') })
  expect([document.headers['content-encoding'], textOf(document)]).toEqual([undefined, content])
  const html = { accept: 'text/html', ...encoded('br') }
  const page = await ask(`${url}/graphql`, html)
  expect(page.headers).toMatchObject({ 'content-encoding': 'br', vary: 'accept, accept-encoding' })
  expect(textOf(page)).toContain('<!doctype html>')
  const known = await ask(`${url}/graphql`, { ...html, 'if-none-match': page.headers.etag ?? '' })
  expect([known.status, known.body.length]).toEqual([304, 0])
})

test('answers of one connection come in their order, each as it was asked for', async () => {
  const { port } = await serve(() => text(2_000))
  const asked = (...more: string[]) =>
    ['GET / HTTP/1.1', 'Host: test', ...more, '', ''].join('\r\n')
  const received = await exchange(
    port,
    asked('Accept-Encoding: gzip') + asked() + asked('Accept-Encoding: br', 'Connection: close'),
  )
  const codings = received.split('HTTP/1.1 200 OK').slice(1)
  expect(codings.map((answer) => /content-encoding: (\w+)/i.exec(answer)?.[1])).toEqual([
    'gzip',
    undefined,
    'br',
  ])
})
