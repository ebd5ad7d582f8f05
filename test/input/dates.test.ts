import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  CreateKeyDocument,
  UpdateKeyDocument,
  UpdateWorkspaceDocument,
} from '../generated/operations.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { expectSafe, type Input, problemsOf, refusal, storesNothing } from './nothing-stored.ts'

let world: World
let workspace: TestWorkspace
let keyId: string
const refused = (mutation: string, input: Input) =>
  refusal(world, workspace.secret, mutation, input)
const problems = (mutation: string, input: Input) =>
  problemsOf(world, workspace.secret, mutation, input)

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
  keyId = (await seed(world, workspace.secret).key({ name: 'dated' })).id
})
afterAll(() => world.close())

/** What no calendar or clock has, or names no instant. */
const noInstants = [
  '',
  'tomorrow',
  '2030',
  '2030-01',
  '2030-01-01T00:00',
  '2030-01-01T00:00:00',
  '2030-01-01Z',
  '2030-01-01+01:00',
  '2030-01-01T00Z',
  '2030-01-01T00:00.5Z',
  '2030-01-01  00:00:00Z',
  '2030-01-01_00:00:00Z',
  ' 2030-01-01T00:00:00Z',
  '2030-01-01T00:00:00Z\n',
  '20300101T000000Z',
  '1893456000000',
  '0000-01-01T00:00:00Z',
  '0099-06-01T00:00:00Z',
  '1969-12-31T23:59:59Z',
  '1969-12-31',
  '9999-01-01T00:00:00Z',
  '9999-01-01',
  '10000-01-01T00:00:00Z',
  '+010000-01-01T00:00:00Z',
  '-002030-01-01T00:00:00Z',
  '2030-02-30T00:00:00Z',
  '2030-02-30',
  '2030-02-30T00:00Z',
  '2030-02-29T00:00:00Z',
  '2100-02-29T00:00:00Z',
  '2030-04-31T00:00:00Z',
  '2030-00-10T00:00:00Z',
  '2030-13-10T00:00:00Z',
  '2030-01-00T00:00:00Z',
  '2030-01-01T24:00:00Z',
  '2030-01-01T24:00Z',
  '2030-01-01T00:60:00Z',
  '2030-01-01T00:00:61Z',
  // A leap second is real, and no clock of ours can tell it.
  '2030-06-30T23:59:60Z',
  '2030-01-01T00:00:00.Z',
  '2030-01-01T00:00:00,5Z',
  '2030-01-01T00:00:00.0000000001Z',
  '2030-01-01T00:00:00+24:00',
  '2030-01-01T00:00:00+01:60',
  '2030-01-01T00:00:00+0160',
  '2030-01-01T00:00:00+2400',
  '2030-01-01T00:00:00+24',
  '2030-01-01T00:00:00+01:',
  '2030-01-01T00:00:00+1',
  '2030-01-01T00:00:00+010000',
  '2030-01-01T00:00:00+01:00[Europe/Paris]',
  '9998-12-31T23:59:59-00:01',
  '１９９０-01-01T00:00:00Z',
  '2030-01-01T00:00:00Z\u0000',
  '2030-01-01T00:00:00\ud800',
]

// A row with a year above 9999 could never be read again, nor any list with it.
test('what is no instant is refused with its path', async () => {
  const expiry = ['INVALID input.expiresAt']
  await storesNothing(world, async () => {
    for (const at of noInstants) {
      const what = JSON.stringify(at)
      expect(await problems('createApiKey', { name: 'x', expiresAt: at }), what).toEqual(expiry)
      expect(await problems('updateApiKey', { id: keyId, expiresAt: at }), what).toEqual(expiry)
      expect(await problems('updateWorkspace', { legacyKeySunsetAt: at }), what).toEqual([
        'INVALID input.legacyKeySunsetAt',
      ])
    }
  })
})

test('a key cannot end before it begins', async () => {
  for (const expiresAt of [
    '1970-01-01T00:00:00Z',
    '2020-02-29T12:00:00Z',
    new Date().toISOString(),
  ]) {
    const expiry = ['INVALID input.expiresAt']
    expect(await refused('createApiKey', { name: 'x', expiresAt })).toEqual(expiry)
    expect(await refused('updateApiKey', { id: keyId, expiresAt })).toEqual(expiry)
  }
})

test('legacy keys can have ended already', async () => {
  const { data } = await world.run(workspace.secret, UpdateWorkspaceDocument, {
    input: { legacyKeySunsetAt: '1970-01-01T00:00:00Z' },
  })
  expect(data?.updateWorkspace?.errors).toEqual([])
})

/** The message by which a mutation refuses an instant. */
async function messageOf(expiresAt: string): Promise<string | undefined> {
  const input = { name: 'x', expiresAt }
  const { data } = await world.run(workspace.secret, CreateKeyDocument, { input })
  return data?.createApiKey?.errors[0]?.message
}

// A secret in the wrong field must not get into answers and logs.
test('a refused instant is shown, with an example, where it cannot be a secret', async () => {
  const refusal = (shown: string) =>
    `${shown} is no instant of the years 1970 to 9998; write it as 2027-01-31T23:59:59Z.`
  for (const at of [
    'tomorrow',
    '',
    '31.12.2030',
    '2030-02-30T00:00:00Z',
    '2030-01-01 00:00:00.5',
    '2030-01-01T00:00:00,5Z',
    '2030-01-01T00:00+01:00[Europe/Berlin]',
  ])
    expect(await messageOf(at)).toBe(refusal(JSON.stringify(at)))
  for (const at of [
    workspace.secret,
    'sk_live-16-chars',
    '2030-01-01 hunter2-hunter2',
    '2030-01-01[hunter2-hunter2]',
    '2030-01-01\u202e',
    `2030-${'0'.repeat(41)}`,
  ])
    expect(await messageOf(at)).toBe(refusal('"[…]"'))
  const { data } = await world.run(workspace.secret, UpdateWorkspaceDocument, {
    input: { legacyKeySunsetAt: null },
  })
  expect(data?.updateWorkspace?.errors[0]?.message).toBe(refusal('null'))
  const query = 'query ($filter: ApiKeyFilter) { apiKeys(filter: $filter) { nodes { id } } }'
  const filtered = await world.gql(workspace.secret, query, {
    filter: { createdAfter: 'tomorrow' },
  })
  expect(filtered.errors[0]?.message).toBe(`createdAfter: ${refusal('"tomorrow"')}`)
})

test('real days, offsets and fractions are read to the millisecond', async () => {
  const readings: readonly (readonly [string, string])[] = [
    ['2096-02-29T00:00:00Z', '2096-02-29T00:00:00.000Z'],
    ['2400-02-29T23:59:59.999Z', '2400-02-29T23:59:59.999Z'],
    ['2050-01-01T00:00:00+05:45', '2049-12-31T18:15:00.000Z'],
    ['2050-01-01T00:00:00-23:59', '2050-01-01T23:59:00.000Z'],
    ['2050-01-01t00:00:00z', '2050-01-01T00:00:00.000Z'],
    ['2050-01-01T00:00:00.5Z', '2050-01-01T00:00:00.500Z'],
    ['2050-01-01T00:00:00.123456789Z', '2050-01-01T00:00:00.123Z'],
    ['9998-12-31T23:59:59Z', '9998-12-31T23:59:59.000Z'],
    // Java's toString, PostgreSQL's text, strftime's %z, SQLite's datetime, a calendar.
    ['2050-01-01T00:00Z', '2050-01-01T00:00:00.000Z'],
    ['2050-01-01T00:00+02:00', '2049-12-31T22:00:00.000Z'],
    ['2050-01-01 00:00:00.5+02', '2049-12-31T22:00:00.500Z'],
    ['2050-01-01T00:00:00-0330', '2050-01-01T03:30:00.000Z'],
    ['2050-01-01 00:00:00z', '2050-01-01T00:00:00.000Z'],
    ['2050-01-01T00:00:00-00:00', '2050-01-01T00:00:00.000Z'],
    ['2096-02-29', '2096-02-29T00:00:00.000Z'],
    ['9998-12-31', '9998-12-31T00:00:00.000Z'],
  ]
  for (const [written, read] of readings) {
    const { data } = await world.run(workspace.secret, UpdateKeyDocument, {
      input: { id: keyId, expiresAt: written },
    })
    expect(data?.updateApiKey?.apiKey?.expiresAt, written).toBe(read)
    const changed = await world.run(workspace.secret, UpdateWorkspaceDocument, {
      input: { legacyKeySunsetAt: written },
    })
    expect(changed.data?.updateWorkspace?.workspace?.legacyKeySunsetAt, written).toBe(read)
  }
})

test('a DateTime is text, whatever else JSON has', async () => {
  for (const expiresAt of [0, 1893456000000, 1.5, true, ['2050-01-01T00:00:00Z'], {}])
    expect(await refused('createApiKey', { name: 'x', expiresAt })).toEqual(['BAD_USER_INPUT'])
  const literal = 'mutation { createApiKey(input: { name: "x", expiresAt: 5 }) { secret } }'
  const answer = await world.gql(workspace.secret, literal)
  expectSafe(answer)
  expect(answer.errors[0]?.extensions.code).toBe('GRAPHQL_VALIDATION_FAILED')
})

test('filters take the same instants and no others', async () => {
  const query = 'query ($filter: ApiKeyFilter) { apiKeys(filter: $filter) { nodes { id } } }'
  const fields = [
    'createdAfter',
    'createdBefore',
    'expiresAfter',
    'expiresBefore',
    'lastUsedBefore',
  ]
  for (const field of fields)
    for (const at of noInstants) {
      const answer = await world.gql(workspace.secret, query, { filter: { [field]: at } })
      expectSafe(answer)
      expect(answer.errors[0]?.extensions, `${field} ${at}`).toMatchObject({
        code: 'BAD_USER_INPUT',
        path: ['filter', field],
      })
    }
  for (const field of fields)
    for (const at of ['1970-01-01T00:00:00Z', '9998-12-31T23:59:59.999Z']) {
      const answer = await world.gql(workspace.secret, query, { filter: { [field]: at } })
      expect(answer.errors, `${field} ${at}`).toEqual([])
    }
})

test('the lifetime policy has bounds, and bounds what is made under it', async () => {
  for (const maxKeyLifetimeDays of [0, -1, 36_501, 2 ** 31 - 1])
    expect(await refused('updateWorkspace', { maxKeyLifetimeDays })).toEqual([
      'INVALID input.maxKeyLifetimeDays',
    ])
  const other = await world.createWorkspace()
  await world.run(other.secret, UpdateWorkspaceDocument, { input: { maxKeyLifetimeDays: 30 } })
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString()
  const input = { name: 'x', expiresAt: inDays(31) }
  expect(await refusal(world, other.secret, 'createApiKey', input)).toEqual([
    'EXPIRY_NOT_ALLOWED input.expiresAt',
  ])
  const { data } = await world.run(other.secret, CreateKeyDocument, {
    input: { name: 'x', expiresAt: inDays(29) },
  })
  expect(data?.createApiKey?.errors).toEqual([])
})
