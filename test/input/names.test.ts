import { beforeAll, expect, test } from 'vitest'
import {
  CreateKeyDocument,
  CreateSpaceDocument,
  UpdateKeyDocument,
} from '../generated/operations.ts'
import { make, useWorkspace, workspace, world } from '../setup/use-world.ts'
import { type Input, problemsOf, refusal, storesNothing } from './nothing-stored.ts'

let spaceId: string
const refused = (mutation: string, input: Input) =>
  refusal(world, workspace.secret, mutation, input)
const problems = (mutation: string, input: Input) =>
  problemsOf(world, workspace.secret, mutation, input)

useWorkspace()
beforeAll(async () => {
  spaceId = await make.space({ name: 'Home' })
})

const badNames: Readonly<Record<string, string>> = {
  empty: '',
  blank: ' \t\u00a0\u2003\ufeff ',
  '101 letters': 'x'.repeat(101),
  '101 emoji': '😀'.repeat(101),
  'a lone high surrogate': 'a\ud800b',
  'a lone low surrogate': 'a\udc00b',
  NUL: 'a\u0000b',
  'an escape': 'a\u001bb',
  'a line break': 'a\nb',
  'a control of Latin 1': 'a\u0085b',
  'a line separator': 'a\u2028b',
  'invisible letters': '\u3164\u115f\u1160\uffa0\u17b4',
  'a joiner and variations': '\u034f\ufe0f\u{e0101}',
  '31 marks on a letter': `a${'\u0316'.repeat(31)}`,
  'marks on nothing': '\u0301\u20dd\u0903',
  'a braille blank': ' \u2800\u2800',
  'all of that': '\u200b\u3164\u0301\u2800\u00ad',
  'an override of direction': 'admin\u202egpj.yek',
  'an embedding of direction': '\u202aa\u202c',
  'an isolate': 'a\u2067b\u2069',
}

/** Names that people have, with marks and with what is invisible by itself. */
const goodNames = [
  'e\u0323\u0302',
  '\u0928\u092e\u0938\u094d\u0924\u0947',
  '\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd\u200f 1',
  '\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645',
  '👩\u200d💻\ufe0f',
  '\u2801\u2800\u2803',
  `a${'\u0315\u0300'.repeat(15)}`,
]

/** Each mutation that takes a name, with the rest of what it needs. */
async function takers(): Promise<readonly (readonly [string, Input])[]> {
  const scopeId = await make.scope({ name: 'taker' })
  const agentId = await make.agent({ name: 'taker', spaceIds: [spaceId] })
  const machine = await make.machine({ name: 'taker', role: 'MEMBER' })
  const key = await make.key({ name: 'taker' })
  return [
    ['createSpace', {}],
    ['updateSpace', { id: spaceId }],
    ['createScope', {}],
    ['updateScope', { id: scopeId }],
    ['createApiKey', {}],
    ['updateApiKey', { id: key.id }],
    ['createAgent', { spaceIds: [spaceId] }],
    ['updateAgent', { id: agentId }],
    ['createMachineUser', { role: 'MEMBER' }],
    ['updateMember', { id: machine.id }],
    ['addMember', { email: 'new@example.com', role: 'MEMBER' }],
    ['updateWorkspace', {}],
  ]
}

test('a bad name is refused with its path wherever one goes in, and nothing is stored', async () => {
  for (const [mutation, rest] of await takers())
    await storesNothing(world, async () => {
      for (const [what, name] of Object.entries(badNames))
        expect(await problems(mutation, { ...rest, name }), `${mutation}: ${what}`).toEqual([
          'INVALID input.name',
        ])
    })
})

test('names of any script are taken as they are', async () => {
  for (const name of goodNames) {
    const { data } = await world.run(workspace.secret, CreateSpaceDocument, { input: { name } })
    expect([name, data?.createSpace?.errors]).toEqual([name, []])
    expect(data?.createSpace?.space?.name).toBe(name.normalize('NFC'))
  }
})

test('a name is counted in characters, not in UTF-16 units', async () => {
  for (const name of ['x'.repeat(100), '😀'.repeat(100), 'é'.repeat(100)]) {
    const { data } = await world.run(workspace.secret, CreateSpaceDocument, { input: { name } })
    expect(data?.createSpace?.errors).toEqual([])
    expect(data?.createSpace?.space?.name).toBe(name)
  }
})

test('a name is trimmed and composed, and as such counted', async () => {
  const decomposed = 'e\u0301'
  const { data } = await world.run(workspace.secret, CreateSpaceDocument, {
    input: { name: `\u00a0 ${decomposed.repeat(99)} \n` },
  })
  expect(data?.createSpace?.space?.name).toBe('\u00e9'.repeat(99))
})

// Two names that a person cannot tell apart must not be two: an admin would pick the wrong one.
test('the same name in another case or composition is taken', async () => {
  await make.space({ name: 'Größe' })
  await make.scope({ name: 'Größe' })
  const key = await make.key({ name: 'Größe' })
  const machine = await make.machine({ name: 'Owner of keys', role: 'MEMBER' })
  const sameNames = ['Größe', 'GRößE', 'gro\u0308ße', '  größe  ']
  for (const name of sameNames)
    for (const mutation of ['createSpace', 'createScope', 'createApiKey'])
      expect(await refused(mutation, { name }), name).toEqual(['NAME_TAKEN input.name'])
  const scopeId = await make.scope({ name: 'other' })
  const other = await make.key({ name: 'other' })
  expect(await refused('updateSpace', { id: spaceId, name: 'größe' })).toEqual([
    'NAME_TAKEN input.name',
  ])
  expect(await refused('updateScope', { id: scopeId, name: 'größe' })).toEqual([
    'NAME_TAKEN input.name',
  ])
  expect(await refused('updateApiKey', { id: other.id, name: 'größe' })).toEqual([
    'NAME_TAKEN input.name',
  ])
  // It is the owner's keys that names tell apart, and a key may change the case of its own.
  await make.key({ name: 'größe', ownerId: machine.userId })
  expect(await refused('transferApiKey', { id: key.id, ownerId: machine.userId })).toEqual([
    'NAME_TAKEN input.ownerId',
  ])
  const { data } = await world.run(workspace.secret, UpdateKeyDocument, {
    input: { id: key.id, name: 'GRößE' },
  })
  expect(data?.updateApiKey?.apiKey?.name).toBe('GRößE')
})

const text = (length: number): string => 'ä'.repeat(length)

test('longer texts have their limits too', async () => {
  const agentId = await make.agent({ name: 'texts', spaceIds: [spaceId] })
  const key = await make.key({ name: 'texts' })
  const cases: readonly (readonly [string, Input, string, number])[] = [
    ['createSpace', { name: 'texts 2' }, 'description', 1_000],
    ['updateSpace', { id: spaceId }, 'description', 1_000],
    ['createScope', { name: 'texts 2' }, 'description', 1_000],
    ['createApiKey', { name: 'texts 2' }, 'description', 1_000],
    ['updateApiKey', { id: key.id }, 'description', 1_000],
    ['createAgent', { name: 'texts', spaceIds: [spaceId] }, 'description', 1_000],
    ['updateAgent', { id: agentId }, 'instructions', 32_768],
    ['updateAgent', { id: agentId }, 'model', 100],
    ['revokeApiKey', { id: key.id }, 'reason', 500],
  ]
  for (const [mutation, rest, field, max] of cases)
    for (const value of [text(max + 1), 'a\u0000b', 'a\ud800b', 'a\u001bb'])
      expect(await refused(mutation, { ...rest, [field]: value }), `${mutation}.${field}`).toEqual([
        `INVALID input.${field}`,
      ])
  await make.space({ name: 'long', description: `${text(990)}\n\t\r\n` })
})

test('slugs are what a host name can hold', async () => {
  for (const slug of ['', 'A', 'a_b', '-a', 'a-', 'ä', 'a b', 'a.b', 'a\n', ' a', 'x'.repeat(64)])
    expect(await refused('updateWorkspace', { slug }), JSON.stringify(slug)).toEqual([
      'INVALID input.slug',
    ])
  const other = await world.createWorkspace()
  expect(await refused('updateWorkspace', { slug: other.slug })).toEqual(['NAME_TAKEN input.slug'])
})

test('what is no e-mail address is no member', async () => {
  const long = `${'x'.repeat(250)}@a.bc`
  const bad = [
    '',
    'x',
    '@',
    'a@b',
    'a b@c.de',
    'a@b@c.de',
    'a\n@b.cd',
    'a\ud800@b.cd',
    'a\u0000@b.cd',
    'a\u202egro.b@b.cd',
    long,
  ]
  for (const email of bad)
    expect(
      await refused('addMember', { email, name: 'Somebody', role: 'MEMBER' }),
      JSON.stringify(email),
    ).toEqual(['INVALID input.email'])
  const add = { email: 'Some@Example.com', role: 'MEMBER' }
  const query =
    'mutation ($input: AddMemberInput!) { addMember(input: $input) { member { user { name } } errors { code } } }'
  const { data } = await world.gql(workspace.secret, query, { input: add })
  expect(data.addMember).toEqual({ member: { user: { name: 'Some@Example.com' } }, errors: [] })
  expect(await refused('addMember', { ...add, email: 'some@example.COM' })).toEqual([
    'CONFLICT input.email',
  ])
})

test('an address longer than a name is still an address, without a name beside it', async () => {
  const email = `${'x'.repeat(150)}@example.com`
  const query =
    'mutation ($input: AddMemberInput!) { addMember(input: $input) { member { user { name email } } errors { code path } } }'
  const { data } = await world.gql(workspace.secret, query, { input: { email, role: 'MEMBER' } })
  expect(data.addMember).toEqual({
    member: { user: { name: email.slice(0, 100), email } },
    errors: [],
  })
  expect(await refused('addMember', { email: 'none', role: 'MEMBER' })).toEqual([
    'INVALID input.email',
  ])
})

test('several mistakes are told at once, each with its path', async () => {
  const told = await refused('createApiKey', {
    name: '',
    description: text(1_001),
    permissions: ['agents:fly'],
    allowedIps: ['1.2.3.4', '1.2.3.456'],
    expiresAt: 'soon',
    requestsPerMinute: -1,
    spaces: [{ spaceId }, { spaceId: 'spc_nothing' }],
  })
  expect(told.sort()).toEqual([
    'INVALID input.allowedIps.1',
    'INVALID input.description',
    'INVALID input.expiresAt',
    'INVALID input.name',
    'INVALID input.requestsPerMinute',
    'NOT_FOUND input.spaces.1.spaceId',
    'UNKNOWN_PERMISSION input.permissions.0',
  ])
})

test('what is accepted is stored as it was told', async () => {
  const { data } = await world.run(workspace.secret, CreateKeyDocument, {
    input: {
      name: ' Integration 🚀 ',
      permissions: ['agents:read', 'agents:read'],
      allSpaces: true,
    },
  })
  expect(data?.createApiKey?.apiKey).toMatchObject({
    name: 'Integration 🚀',
    permissions: ['agents:read'],
  })
})
