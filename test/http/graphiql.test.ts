import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { buildSchema, GraphQLError, getVariableValues, Kind, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { readGraphiqlTabs } from '../../scripts/graphiql/tabs.ts'
import { isPermission } from '../../src/auth/permissions.ts'
import { graphiqlPage, wantsGraphiql } from '../../src/http/routes/graphiql.ts'
import { responseOf } from '../../src/http/routes/route.ts'
import { createServerContext } from '../../src/http/server-context.ts'

/** The page as a new server answers it. */
function server(introspection: 'public' | 'authenticated' = 'public') {
  const page = graphiqlPage(introspection)
  return async (request: Request): Promise<Response> => {
    const { state } = createServerContext({})
    const { address, requestId } = state
    const call = { request, path: '/graphql', address, requestId, state }
    return responseOf(await page(call), 'its id')
  }
}
const respond = server()
const get = (headers: Record<string, string> = {}) =>
  respond(new Request('http://localhost/graphql', { headers }))
const bytes = async (response: Response) => Buffer.from(await response.arrayBuffer())
const html = async () => (await bytes(await get())).toString()
const tag = async (headers: Record<string, string>) => (await get(headers)).headers.get('etag')

test('every encoding holds the same page', async () => {
  const plain = await bytes(await get())
  const br = await get({ 'accept-encoding': 'gzip, deflate, br, zstd' })
  const gzip = await get({ 'accept-encoding': 'br;q=0, gzip' })
  expect([br, gzip].map(({ headers }) => headers.get('content-encoding'))).toEqual(['br', 'gzip'])
  expect(brotliDecompressSync(await bytes(br)).equals(plain)).toBe(true)
  expect(gunzipSync(await bytes(gzip)).equals(plain)).toBe(true)
  expect(Number(br.headers.get('content-length'))).toBeLessThan(2_000_000)
})

test('a browser that has the page is not sent it again', async () => {
  const accept = { 'accept-encoding': 'br' }
  const etag = await tag(accept)
  expect(etag).toMatch(/^"[^"]+"$/)
  expect(await tag({})).not.toBe(etag)
  for (const known of [`${etag}`, `W/${etag}`, `"other", ${etag}`, '*']) {
    const response = await get({ ...accept, 'if-none-match': known })
    expect([response.status, (await bytes(response)).length]).toEqual([304, 0])
    expect(response.headers.get('etag')).toBe(etag)
  }
  const other = await get({ ...accept, 'if-none-match': '"other"' })
  expect(other.status).toBe(200)
})

test('HEAD is answered like GET, without the page', async () => {
  const headers = { accept: 'text/html', 'accept-encoding': 'br' }
  const request = new Request('http://localhost/graphql', { method: 'HEAD', headers })
  expect(wantsGraphiql(request)).toBe(true)
  const head = await respond(request)
  expect((await bytes(head)).length).toBe(0)
  expect([head.status, ...head.headers]).toEqual([200, ...(await get(headers)).headers])
})

test('a part of the page is not given alone', async () => {
  const part = await get({ 'accept-encoding': 'br', range: 'bytes=0-9' })
  expect([part.status, part.headers.get('content-range')]).toEqual([200, null])
  expect((await bytes(part)).length).toBe(Number(part.headers.get('content-length')))
})

test.each(['br', 'gzip'])('all answers share the bytes in %s', async (encoding) => {
  const [one, another] = await Promise.all([1, 2].map(() => get({ 'accept-encoding': encoding })))
  expect((await one?.bytes())?.buffer === (await another?.bytes())?.buffer).toBe(true)
})

test('its headers', async () => {
  const { headers } = await get()
  const script = (await html()).match(/<script>(.*)<\/script>/s)?.[1] ?? ''
  const hash = createHash('sha256').update(script).digest('base64')
  expect(Object.fromEntries(headers)).toMatchObject({
    'cache-control': 'no-cache',
    'content-security-policy': expect.stringContaining(`script-src 'sha256-${hash}';`),
    'content-type': 'text/html; charset=utf-8',
    'referrer-policy': 'no-referrer',
    vary: 'accept, accept-encoding',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  })
  expect(headers.get('content-security-policy')).not.toMatch(/https?:|\*/)
})

test('it is for browsers only', () => {
  const wants = (method: string, accept?: string) =>
    wantsGraphiql(
      new Request('http://localhost/graphql', { method, headers: accept ? { accept } : {} }),
    )
  expect(wants('GET', 'text/html,application/xhtml+xml,*/*;q=0.8')).toBe(true)
  expect(wants('POST', 'text/html')).toBe(false)
  expect(wants('GET', 'application/json')).toBe(false)
  expect(wants('GET')).toBe(false)
})

test.each(['public', 'authenticated'] as const)(
  'a header says that introspection is %s',
  async (introspection) => {
    const head = new Request('http://localhost/graphql', { method: 'HEAD' })
    const { headers } = await server(introspection)(head)
    expect(headers.get('latchkey-introspection')).toBe(introspection)
  },
)

test('the page carries the tabs as they are, and stores no headers', async () => {
  const text = await html()
  expect(text.split('</script').length).toBe(2)
  const tabs = text.match(/^globalThis\.tabs = (.*);$/m)?.[1] ?? ''
  expect(JSON.parse(tabs)).toEqual(readGraphiqlTabs())
  expect(text).toMatch(/^ +isHeadersEditorEnabled: false,\n +shouldPersistHeaders: false,$/m)
})

const schema = () =>
  buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'))

test.each(
  readGraphiqlTabs().map(({ query, variables }) => [query.split('\n')[0], query, variables]),
)('the tab "%s" fits the schema', (_, query = '', variables = '') => {
  const document = parse(query)
  expect(validate(schema(), document)).toEqual([])
  const [operation] = document.definitions
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new GraphQLError('no operation')
  const values = JSON.parse(variables)
  const { errors } = getVariableValues(schema(), operation.variableDefinitions ?? [], values)
  expect(errors).toBeUndefined()
  expect((values.input?.permissions ?? []).every(isPermission)).toBe(true)
  // The tab's title is the operation's name; above it stands what it is for.
  expect(operation.name?.value).toBeTruthy()
  expect(query).toMatch(/^# \d+\. .+\n#\n(# .+\n)+\n(query|mutation) /)
})
