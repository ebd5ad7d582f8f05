import { expect, test } from 'vitest'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import type { Answer } from '../setup/world.ts'
import { expectSafe, storesNothing } from './nothing-stored.ts'

useWorkspace()

interface Sent {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: BodyInit
}

/** Sends a request as it is, with the owner's key. */
const fetch = (path: string, { method = 'GET', headers = {}, body }: Sent = {}) =>
  world.app.fetch(
    new Request(`http://latchkey.test${path}`, {
      method,
      headers: { authorization: `Bearer ${workspace.secret}`, ...headers },
      ...(body !== undefined && { body, duplex: 'half' }),
    }),
  )

const json = { 'content-type': 'application/json' }
const post = (body: BodyInit, headers: Readonly<Record<string, string>> = json) =>
  fetch('/graphql', { method: 'POST', headers, body })

/** The status and the code of the first error, after what every refusal must be. */
async function refused(response: Response): Promise<[number, unknown]> {
  const { data, errors } = (await response.json()) as Answer<unknown>
  expect(errors.length).toBeGreaterThan(0)
  expectSafe({
    status: response.status,
    headers: response.headers,
    data,
    errors,
  })
  return [response.status, errors[0]?.extensions.code]
}

const encoded = (query: string, rest = ''): string =>
  `/graphql?query=${encodeURIComponent(query)}${rest}`

test('a query may be sent by GET, with variables and a name', async () => {
  const query = 'query A { viewer { kind } } query B($id: ID!) { space(id: $id) { id } }'
  const variables = encodeURIComponent('{"id":"spc_x"}')
  const response = await fetch(encoded(query, `&operationName=B&variables=${variables}`))
  expect([response.status, await response.json()]).toEqual([200, { data: { space: null } }])
})

// A link, an image or a prefetch must not change anything.
test('a mutation is not run by GET', async () => {
  const mutation = 'mutation { createSpace(input: { name: "by link" }) { space { id } } }'
  const response = await storesNothing(world, () => fetch(encoded(mutation)))
  expect(response.headers.get('allow')).toBe('POST')
  expect(await refused(response)).toEqual([405, 'BAD_REQUEST'])
  const both = `query A { viewer { kind } } mutation B { ${mutation.slice(11, -2)} }`
  expect((await fetch(encoded(both, '&operationName=A'))).status).toBe(200)
  const chosen = await storesNothing(world, () => fetch(encoded(both, '&operationName=B')))
  expect(await refused(chosen)).toEqual([405, 'BAD_REQUEST'])
  expect((await fetch(encoded(both))).status).toBe(400)
})

// Many operations in one request would walk past whatever is counted by request.
test('batches are refused', async () => {
  const one = { query: '{ viewer { kind } }' }
  for (const batch of [[], [one], [one, one]])
    expect(await refused(await post(JSON.stringify(batch)))).toEqual([400, 'BAD_REQUEST'])
})

test('other methods are refused', async () => {
  for (const method of ['PUT', 'PATCH', 'DELETE']) {
    const body = JSON.stringify({ query: '{ viewer { kind } }' })
    const response = await fetch('/graphql', { method, headers: json, body })
    expect(await refused(response), method).toEqual([405, 'BAD_REQUEST'])
  }
})

// A form of another page can send these types without asking; JSON it cannot.
test('a body that is not JSON by its type is refused', async () => {
  const body = JSON.stringify({ query: '{ viewer { kind } }' })
  const types = [
    'text/plain',
    'text/html',
    'application/xml',
    'application/x-www-form-urlencoded',
    'application/graphql',
    'application/jsonp',
  ]
  for (const type of types)
    expect(await refused(await post(body, { 'content-type': type })), type).toEqual([
      415,
      'BAD_REQUEST',
    ])
  const bytes = new TextEncoder().encode(body)
  expect(await refused(await post(bytes, {}))).toEqual([415, 'BAD_REQUEST'])
  for (const type of ['application/json', 'application/json; charset=utf-8'])
    expect((await post(body, { 'content-type': type })).status, type).toBe(200)
})

test('what is no request of GraphQL is refused without a word of the inside', async () => {
  const bodies = [
    '',
    '{',
    'x',
    '"x"',
    '5',
    'null',
    'true',
    '{}',
    '{"query":null}',
    '{"query":5}',
    '{"query":["{ viewer { kind } }"]}',
    '{"query":"{ viewer { kind } }","variables":5}',
    '{"query":"{ viewer { kind } }","variables":"x"}',
    '{"query":"{ viewer { kind } }","variables":[]}',
    '{"query":"{ viewer { kind } }","operationName":5}',
    '{"query":"{ viewer { kind } }","extensions":5}',
    '{"query":"{ viewer { kind } }","operationName":"Other"}',
    '{"query":"query A { viewer { kind } } query B { viewer { kind } }"}',
    `${'['.repeat(50_000)}`,
    '{"__proto__":{"query":"{ viewer { kind } }"}}',
  ]
  for (const body of bodies) {
    expect(await refused(await post(body)), body.slice(0, 60)).toEqual([400, 'BAD_REQUEST'])
  }
})

test('the parameter that is wrong is named', async () => {
  const query = '{ viewer { kind } }'
  const cases = [
    [{}, 'query'],
    [{ query: 5 }, 'query'],
    [{ query, operationName: 5 }, 'operationName'],
    [{ query, variables: [] }, 'variables'],
    [{ query, extensions: 'x' }, 'extensions'],
  ] as const
  for (const [body, name] of cases) {
    const { errors } = (await (await post(JSON.stringify(body))).json()) as Answer<unknown>
    expect(errors[0]?.message).toMatch(new RegExp(`\\b${name}\\b`))
  }
})

test('an address that is no request is refused the same way', async () => {
  const query = '{ viewer { kind } }'
  const paths = [
    '/graphql',
    '/graphql?',
    '/graphql?query=',
    encoded(query, '&variables={'),
    encoded(query, '&variables=5'),
    encoded(query, '&variables=[]'),
    encoded(query, '&extensions={'),
    encoded(query, '&extensions=5'),
    encoded(query, '&operationName=Other'),
  ]
  for (const path of paths)
    expect(await refused(await fetch(path)), path).toEqual([400, 'BAD_REQUEST'])
  for (const path of [
    '/graphql?query=%',
    '/graphql?query=%ff%00',
    encoded(query, '&somethingElse=1'),
  ]) {
    const response = await fetch(path)
    expect(response.status, path).toBeLessThan(500)
  }
})

test('invalid bytes in a body are refused or read, never an error of ours', async () => {
  const bytes = Uint8Array.from([0xff, 0xfe, 0x7b, 0x7d, 0x00])
  expect(await refused(await post(bytes))).toEqual([400, 'BAD_REQUEST'])
})

test('parse and validation failures say so', async () => {
  const cases = [
    ['', 'GRAPHQL_PARSE_FAILED'],
    ['{', 'GRAPHQL_PARSE_FAILED'],
    ['{ viewer { kind }', 'GRAPHQL_PARSE_FAILED'],
    ['\u0000', 'GRAPHQL_PARSE_FAILED'],
    ['{ nothing }', 'GRAPHQL_VALIDATION_FAILED'],
    ['{ viewer { kind { x } } }', 'GRAPHQL_VALIDATION_FAILED'],
    ['fragment A on Query { viewer { kind } }', 'BAD_REQUEST'],
    ['type Query { a: Int }', 'BAD_REQUEST'],
    ['subscription { viewer { kind } }', 'BAD_REQUEST'],
  ] as const
  for (const [query, expected] of cases) {
    const [status, code] = await refused(await post(JSON.stringify({ query })))
    expect([status < 500, code], query).toEqual([true, expected])
  }
})

// Whatever stands in front of the server filters by path; another spelling must not walk past it.
test('paths are exact', async () => {
  const body = JSON.stringify({ query: '{ viewer { kind } }' })
  const paths = [
    '/x/graphql',
    '/graphql/x',
    '//graphql',
    '/GraphQL',
    '/graphql%2f',
    '/%67raphql',
    '/x/health',
    '/graphql;x',
  ]
  for (const path of paths) {
    for (const sent of [{}, { method: 'POST', headers: json, body }]) {
      const response = await fetch(path, sent)
      expect([response.status, await response.json()], path).toEqual([404, { error: 'not found' }])
    }
  }
  expect((await fetch('/graphql?a=/x', { method: 'POST', headers: json, body })).status).toBe(200)
  expect((await fetch('/health')).status).toBe(200)
  expect((await fetch('/ready')).status).toBe(200)
})

test('a page of any origin may ask, with headers but without cookies', async () => {
  const preflight = await fetch('/graphql', {
    method: 'OPTIONS',
    headers: {
      origin: 'https://app.example.com',
      'access-control-request-method': 'POST',
      'access-control-request-headers':
        'apollo-require-preflight, authorization, content-type, x-api-key, x-workspace-id',
    },
  })
  expect(preflight.status).toBe(204)
  expect(await preflight.text()).toBe('')
  expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
  expect(preflight.headers.get('access-control-allow-credentials')).toBeNull()
  const allowed = preflight.headers.get('access-control-allow-headers')?.toLowerCase()
  expect(allowed?.split(', ').sort()).toEqual([
    'apollo-require-preflight',
    'authorization',
    'content-type',
    'x-api-key',
    'x-workspace-id',
  ])
  const headers = { ...json, origin: 'https://app.example.com' }
  const body = JSON.stringify({ query: '{ viewer { kind } }' })
  for (const extra of [{}, { authorization: 'Bearer lk_x' }]) {
    const response = await post(body, { ...headers, ...extra })
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.get('access-control-expose-headers')).toContain('X-Request-Id')
  }
})

test('every answer has a request id of its own, and no cache keeps it', async () => {
  const body = JSON.stringify({ query: '{ viewer { kind } }' })
  const answers = await Promise.all([post(body), post(body), post('{'), post(body, {})])
  const ids = answers.map(({ headers }) => headers.get('x-request-id'))
  expect(new Set(ids).size).toBe(4)
  // One that the client brings is not taken: it could be made to look like another's in the log.
  const own = await post(body, { ...json, 'x-request-id': 'mine' })
  expect(own.headers.get('x-request-id')).not.toBe('mine')
})

test('whatever is in the credential headers, the answer is 401 or 400', async () => {
  const body = JSON.stringify({ query: '{ viewer { kind } }' })
  const secret = workspace.secret
  const cases: readonly (readonly [Record<string, string>, number, string, string?])[] = [
    [{ authorization: 'Basic eDp5' }, 401, 'UNAUTHENTICATED', 'MISSING'],
    [{ authorization: 'Bearer' }, 401, 'UNAUTHENTICATED', 'MISSING'],
    [{ authorization: '' }, 401, 'UNAUTHENTICATED', 'MISSING'],
    [{ authorization: secret }, 401, 'UNAUTHENTICATED', 'MALFORMED'],
    [{ authorization: `Bearer ${secret} ${secret}` }, 401, 'UNAUTHENTICATED', 'MALFORMED'],
    [{ authorization: `Bearer ${secret.slice(0, -1)}` }, 401, 'UNAUTHENTICATED', 'MALFORMED'],
    [{ authorization: `Bearer ${secret.toUpperCase()}` }, 401, 'UNAUTHENTICATED', 'MALFORMED'],
    [{ authorization: `Bearer ${'x'.repeat(8_000)}` }, 401, 'UNAUTHENTICATED', 'MALFORMED'],
    [{ 'x-api-key': 'other' }, 400, 'BAD_REQUEST'],
    [{ 'x-workspace-id': 'other' }, 404, 'WORKSPACE_NOT_FOUND'],
  ]
  for (const [headers, status, code, reason] of cases) {
    const response = await post(body, { ...json, ...headers })
    const copy = response.clone()
    expect(await refused(response), JSON.stringify(headers).slice(0, 80)).toEqual([status, code])
    const { errors } = (await copy.json()) as Answer<unknown>
    expect(errors[0]?.extensions.reason).toBe(reason)
    expect(copy.headers.get('www-authenticate')?.startsWith('Bearer') ?? false).toBe(status === 401)
  }
  const both = await post(body, { ...json, 'x-api-key': secret, 'x-workspace-id': workspace.slug })
  expect(both.status).toBe(200)
})
