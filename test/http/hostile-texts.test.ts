import { expect, test } from 'vitest'
import { leastProcessorTime } from '../setup/processor-time.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

/** Of one request, in milliseconds of the processor. */
const limit = 250

useWorkspace({ trustedProxies: ['::/0'] })

let count = 0
/** Each from an address of its own: one that fails too often is not listened to any more. */
const newAddress = (): string => `2001:db8:${(count++).toString(16)}::1`

async function expectQuick(name: string, path: string, init: () => RequestInit): Promise<void> {
  const { value: status, ms } = await leastProcessorTime(limit, async () => {
    const request = new Request(`http://latchkey.test/${path}`, init())
    const response = await world.app.fetch(request, { address: newAddress() })
    await response.arrayBuffer()
    return response.status
  })
  expect([name, ms < limit ? 'quick' : ms]).toEqual([name, 'quick'])
  expect([429, 500, 503], name).not.toContain(status)
}

/** What lists, types, addresses, ranges, credentials and encodings are made of. */
const units = [
  ...['a', '1', ' ', '\t', ',', ', ', '.', ':', ';', '; ', '/', '%', '=', '&', '+', '-', '_', '*'],
  ...['"', '"\\', '\\', '[', '{a: "', 'é', 'ab:', '1.1.1.1, ', '[::1]:', 'q=0.', 'a/b;', '*/*,'],
  ...['a@a.', 'eyJ.', 'bearer ', 'basic ', '%41', '&a=', 'a=b&'],
]

const filled = (unit: string, length: number): string =>
  unit.repeat(Math.floor(length / unit.length))

/** As much as Node reads of the head of a request. */
const headLength = 16_000

const headers: Readonly<Record<string, readonly string[]>> = {
  accept: [''],
  'accept-encoding': [''],
  authorization: ['', 'Bearer ', 'Bearer lk_', 'Bearer eyJ', 'Basic '],
  'content-type': ['', 'application/json', 'application/json;', 'multipart/form-data; boundary='],
  'latchkey-verifier': ['', 'lk_'],
  'x-api-key': ['', 'lk_'],
  'x-forwarded-for': ['', '::', '1.1.1.1:'],
  'x-workspace-id': [''],
}

const body = '{"query":"{ viewer { kind } }"}'

test.each(Object.entries(headers))(
  '%s: a header as long as may be is read at once',
  async (name, starts) => {
    for (const start of starts)
      for (const unit of units) {
        const sent = {
          authorization: `Bearer ${workspace.secret}`,
          'content-type': 'application/json',
          [name]: `${start}${filled(unit, headLength)}x`,
        }
        const what = `${start}${unit}`
        await expectQuick(what, 'graphql', () => ({ method: 'POST', headers: sent, body }))
        await expectQuick(what, 'verify', () => ({ headers: sent }))
        await expectQuick(what, 'oauth/introspect', () => ({ method: 'POST', headers: sent, body }))
      }
  },
)

test.each([
  'graphql?query=',
  'graphql?query={a}&variables=',
  'verify?permission=',
  'verify?space=',
  'verify?ip=',
  'verify?',
  'documents/',
  '',
])('%s: an address as long as may be is read at once', async (start) => {
  const sent = {
    authorization: `Bearer ${workspace.secret}`,
    'latchkey-verifier': workspace.secret,
  }
  for (const unit of units)
    for (const text of [filled(unit, headLength), encodeURIComponent(filled(unit, headLength / 3))])
      await expectQuick(unit, start + text, () => ({ headers: sent }))
})

const parameters = [
  'grant_type',
  'client_id',
  'client_secret',
  'scope',
  'resource',
  'token',
  'token_type_hint',
]

test.each(parameters)('%s: a form as long as may be is read at once', async (name) => {
  const authorization = `Basic ${btoa(`${workspace.keyId}:${workspace.secret}`)}`
  const sent = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
  for (const unit of units)
    for (const path of ['token', 'introspect', 'revoke']) {
      const form = () => {
        const given = new URLSearchParams({ grant_type: 'client_credentials', token: 'x' })
        given.set(name, filled(unit, 20_000))
        return given.toString()
      }
      await expectQuick(unit, `oauth/${path}`, () => ({
        method: 'POST',
        headers: sent,
        body: form(),
      }))
    }
})

const megabyte = 1_000_000

test.each(['operationName', 'extensions', 'variables', 'query', 'other'])(
  '%s: a body as long as may be is read at once',
  async (name) => {
    const sent = { authorization: `Bearer ${workspace.secret}`, 'content-type': 'application/json' }
    for (const unit of units) {
      const text = filled(unit, megabyte / 2)
      for (const value of [text, { [text]: text }])
        await expectQuick(unit, 'graphql', () => ({
          method: 'POST',
          headers: sent,
          body: JSON.stringify({ query: 'query A { viewer { kind } }', [name]: value }),
        }))
    }
  },
)

test('what is no JSON, or is nested as deeply as may be, is read at once', async () => {
  const sent = { authorization: `Bearer ${workspace.secret}`, 'content-type': 'application/json' }
  const bodies = [...units, '[', '{"a":', '"\\u0000', '{"a":1,'].map((unit) =>
    filled(unit, megabyte),
  )
  const deep = `${'['.repeat(megabyte / 2)}${']'.repeat(megabyte / 2)}`
  bodies.push(
    deep,
    `{"query":"query ($a: [ID!]!) { nodes(ids: $a) { id } }","variables":{"a":${deep}}}`,
  )
  for (const text of bodies)
    await expectQuick(text.slice(0, 10), 'graphql', () => ({
      method: 'POST',
      headers: sent,
      body: text,
    }))
})

const many = (count: number, part: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => part(index)).join(' ')

/** As much of each as the limits of a document let pass. */
const documents: Readonly<Record<string, string>> = {
  'one field with long arguments': `{ ${many(110, () => `space(id: "${'x'.repeat(60)}") { id }`)} }`,
  'types that are almost known': `query (${many(240, (i) => `$a${i}: CreateApiKeyInpt`)}) { a }`,
  'fields that are almost known': `mutation { ${many(800, (i) => `revokeApiKy${i}`)} }`,
  'members that are almost known': `mutation { createApiKey(input: { ${many(300, (i) => `permisions${i}: 1`)} }) { errors { code } } }`,
  'values that are almost known': `{ apiKeys(filter: { status: [${many(900, (i) => `ACTIV${i}`)}] }) { nodes { id } } }`,
  'one selection many times': `{ ${many(140, () => 'spaces { nodes { id } }')} }`,
  'a chain of fragments': `{ ...F0 } ${many(80, (i) => `fragment F${i} on Query { ...F${i + 1} viewer { kind } }`)}`,
  'lists in lists': `{ space(id: ${'['.repeat(480)}${']'.repeat(480)}) { id } }`,
  'errors on many lines': `{ ${many(900, () => 'a\n\n\n\n\n\n\n')} }`,
}

test.each(Object.entries(documents))(
  '%s: such a document is refused at once',
  async (name, query) => {
    const sent = { authorization: `Bearer ${workspace.secret}`, 'content-type': 'application/json' }
    // Each time another one, which no cache knows.
    const init = () => ({
      method: 'POST',
      headers: sent,
      body: JSON.stringify({ query: `#${count}\n${query}` }),
    })
    await expectQuick(name, 'graphql', init)
  },
)
