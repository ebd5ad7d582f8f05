import { expect, test } from 'vitest'
import { leastProcessorTime } from '../setup/processor-time.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

useWorkspace()

const messagesOf = async (query: string, variables = {}): Promise<readonly string[]> => {
  const { data, errors } = await world.gql(workspace.secret, query, variables)
  const payloads: readonly { errors?: readonly { message: string }[] }[] = Object.values(data ?? {})
  const expected = payloads.flatMap((payload) => payload?.errors ?? [])
  return [...errors, ...expected].map(({ message }) => message)
}

const typed = (type: string, field: string) => `query ($value: ${type}) { ${field} { __typename } }`
const space = typed('ID!', 'space(id: $value)')
const keys = typed('ApiKeyFilter', 'apiKeys(filter: $value)')
const create =
  'mutation ($value: CreateApiKeyInput!) { createApiKey(input: $value) { errors { message } } }'
const addMember = (role: string) =>
  `mutation { addMember(input: { email: "a@example.com", role: ${role} }) { errors { message } } }`

const list = (item: string, count: number) =>
  `{ space(id: [${`${item},`.repeat(count)}[1]]) { id } }`

const large = 1_000_000
const many = (unit: string) => unit.repeat(large / unit.length)

/** A key quotes a member's name as it is, and the object around it without its quotes. */
const named = (unit: string) => ({ [many(unit)]: 1 })

const hostile: Readonly<Record<string, readonly [query: string, value?: unknown]>> = {
  '28 block strings in a list': [list('"""a"""', 28)],
  '900 block strings in a list': [list('"""a"""', 900)],
  '900 strings in a list': [list('"a"', 900)],
  '400 lists in lists': [`{ space(id: ${'["a",'.repeat(200)}1${']'.repeat(200)}) { id } }`],
  'one block string of quotes': [list(`"""${' "'.repeat(8_000)} """`, 1)],
  'opening lists in a text': [typed('Boolean!', 'space(id: $value)'), many('["')],
  'opening lists in a text of a list': [space, [many('["')]],
  'quotes in a text': [space, [many('"')]],
  'backslashes in a text': [space, [many('\\')]],
  'objects in a text': [space, [many('{a: "')]],
  'values of enums in a text': [space, [many('Value "')]],
  'opening lists in a name': [keys, named('["')],
  'quotes in a name': [keys, named('"""')],
  'values of enums in a name': [keys, named('Value "')],
  'values in a name': [keys, named('value: "a"')],
  '20,000 names': [
    keys,
    Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`["${i}`, i])),
  ],
  '100,000 items': [space, Array.from({ length: 100_000 }, (_, i) => `["${i}`)],
  'a role': [
    'mutation ($value: Role!) { addMember(input: { email: "a@example.com", role: $value }) { errors { message } } }',
    many('" does not exist in "'),
  ],
}

// One such request held the process for days, and anybody can send one.
test.each(Object.entries(hostile))(
  'an error about %s: made and masked at once',
  async (_, [query, value]) => {
    const { value: messages, ms } = await leastProcessorTime(250, () =>
      messagesOf(query, { value }),
    )
    expect(ms).toBeLessThan(250)
    expect(messages.length).toBeGreaterThan(0)
    for (const message of messages) expect(message.length).toBeLessThan(4_100)
  },
)

const shown: readonly [message: string, query: string, value?: unknown][] = [
  [
    'Cannot query field "nam" on type "Space". Did you mean "name"?',
    '{ spaces { nodes { nam } } }',
  ],
  [
    'Unknown argument "frst" on field "Query.spaces". Did you mean "first"?',
    '{ spaces(frst: 1) { nodes { id } } }',
  ],
  ['Syntax Error: Expected Name, found <EOF>.', '{ spaces'],
  ['Syntax Error: Unexpected Name "spaces".', 'spaces'],
  [
    'Int cannot represent non 32-bit signed integer value: 99999999999',
    '{ spaces(first: 99999999999) { nodes { id } } }',
  ],
  [
    'Value "ADMINN" does not exist in "Role" enum. Did you mean the enum value "ADMIN"?',
    addMember('ADMINN'),
  ],
  [
    'String cannot represent a non string value: ["[…]", 1, {a: "[…]", b: 2}]',
    '{ __type(name: ["secret", 1, {a: "secret", b: 2}]) { name } }',
  ],
  [
    'Field "serch" is not defined by type "ApiKeyFilter". Did you mean "search"?',
    '{ apiKeys(filter: { serch: "secret" }) { nodes { id } } }',
  ],
  ['Variable "$value" of required type "ID!" was not provided.', space],
  ['Variable "$value" of non-null type "ID!" must not be null.', space, null],
  ['Variable "$value" got invalid value 1.5; ID cannot represent value: 1.5', space, 1.5],
  [
    'Variable "$value" got invalid value […]; ID cannot represent value: ["[…]", 1, true, { a: "[…]" }]',
    space,
    ['secret', 1, true, { a: 'secret' }],
  ],
  [
    'Variable "$value" got invalid value {…}; Field "serch" is not defined by type "ApiKeyFilter". Did you mean "search"?',
    keys,
    { serch: 'secret' },
  ],
  [
    'Variable "$value" got invalid value […] at "value.spaces[1].spaceId"; ID cannot represent value: ["[…]"]',
    create,
    { name: 'a', spaces: [{ spaceId: 'a' }, { spaceId: ['secret'] }] },
  ],
  [
    'Variable "$value" got invalid value "[…]" at "value.allSpaces"; Boolean cannot represent a non boolean value: "[…]"',
    create,
    { name: 'a', allSpaces: 'secret' },
  ],
]

// Whoever has mistyped a name or a number must be told which.
test.each(shown)('%s', async (message, query: string, value?: unknown) => {
  expect(await messagesOf(query, value === undefined ? {} : { value })).toContain(message)
})

/** Issued elsewhere: of no shape that tells them from other texts. */
const legacySecrets = [
  'old-4711-abcdefgh',
  'old4711abcdefghij',
  '\\"old""""4711"abcdef\\"',
  "'old],[4711}'{abcd",
]

/** What a client sends that has put the secret in a wrong place. */
function* misplaced(secret: string): Generator<readonly [query: string, value?: unknown]> {
  const text = JSON.stringify(secret)
  const block = `"""${secret.replaceAll('"""', '\\"""')}\n"""`
  for (const literal of [text, block]) {
    for (const value of [
      literal,
      `[${literal}, 1]`,
      `{ a: ${literal} }`,
      `[[1], { a: [${literal}] }]`,
    ])
      for (const field of [
        'space(id: [[V]]) { id }',
        'spaces(first: V) { nodes { id } }',
        'apiKeys(filter: V) { nodes { id } }',
      ])
        yield [`{ ${field.replace('V', value)} }`]
    yield [addMember(literal)]
    yield [`{ space(id: "a") { ${literal} } }`]
    yield [`query ${literal} { spaces { nodes { id } } }`]
    yield [`{ spaces(first: 1 ${literal}) { nodes { id } } }`]
  }
  for (const value of [
    secret,
    [secret],
    { a: secret },
    [{ a: [1, secret] }],
    { 'a" "b': secret },
  ]) {
    yield [space, [value]]
    yield [typed('Boolean!', 'space(id: $value)'), value]
    yield [keys, value]
    yield [keys, { search: [value] }]
    yield [
      create,
      { name: 'a', allSpaces: value, spaces: [{ spaceId: 'a', permissions: [[value]] }] },
    ]
  }
  const role =
    'mutation ($value: AddMemberInput!) { addMember(input: $value) { errors { message } } }'
  yield [role, { email: 'a@example.com', role: secret }]
}

// Whoever helps a client is shown its error, and so is every tool that gathers them.
test.each(legacySecrets)('the secret %s in a wrong place: no error repeats it', async (secret) => {
  for (const [query, value] of misplaced(secret)) {
    const messages = await messagesOf(query, { value })
    expect(messages.length, query).toBeGreaterThan(0)
    for (const message of messages)
      for (const form of [secret, JSON.stringify(secret).slice(1, -1), secret.slice(4, 10)])
        expect(message).not.toContain(form)
  }
})

test('a secret without quotes: no error repeats it', async () => {
  const name = 'old4711abcdefghij'
  for (const value of [name, `[1, ${name}]`, `{ a: ${name} }`])
    for (const field of ['space(id: V) { id }', 'spaces(first: V) { nodes { id } }'])
      for (const message of await messagesOf(`{ ${field.replace('V', value)} }`))
        expect(message).not.toContain(name)
})

// What is cut may be the half of a secret that shows what it is.
test('a key in a name where a long message is cut: no error repeats a part of it', async () => {
  const { secret } = workspace
  for (const length of [2_900, 2_920, 2_940, 2_960, 19_900, 19_920, 19_940, 20_000]) {
    const name = `${'a '.repeat(length / 2)}${secret}${' a'.repeat(2_000)}`
    const [message = ''] = await messagesOf(keys, { value: { [name]: 1 } })
    expect(message).toContain('Field "a a')
    expect(message).not.toContain(secret.slice(3, 15))
    expect(message).not.toContain(secret.slice(-12))
  }
})
