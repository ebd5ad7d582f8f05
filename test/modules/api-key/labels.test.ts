import { expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { importKeys, legacyKey } from '../legacy/ask.ts'
import { attempt } from './ask.ts'

useWorkspace()

let count = 0
const name = (): string => `Key ${++count}`
const selection = 'apiKey { id externalId labels { name value } }'
const create = async (input: object): Promise<any> =>
  (await done(world, workspace.secret, 'createApiKey', selection, { name: name(), ...input }))
    .apiKey
const update = async (id: string, input: object): Promise<any> =>
  (await done(world, workspace.secret, 'updateApiKey', selection, { id, ...input })).apiKey

/** The changes of the last event of a key, from what to what. */
async function lastChanges(id: string): Promise<Record<string, [unknown, unknown]>> {
  const { changes } = await world.deps.prisma.auditEvent.findFirstOrThrow({
    where: { workspaceId: workspace.id, targetId: id },
    orderBy: { sequence: 'desc' },
  })
  const all: { field: string; before: string; after: string }[] = JSON.parse(changes)
  return Object.fromEntries(
    all.map(({ field, before, after }) => [field, [JSON.parse(before), JSON.parse(after)]]),
  )
}

const acme = { name: 'customer', value: 'acme' }
const env = { name: 'env', value: 'prod' }

test('createApiKey: external id and labels are stored trimmed, in NFC, sorted by name', async () => {
  const key = await create({
    externalId: ' cus_e\u0301 ',
    labels: [
      { name: 'z', value: '' },
      { name: ' B ', value: ' Ü ' },
      { name: 'b', value: 'two words' },
    ],
  })
  expect(key.externalId).toBe('cus_\u00e9')
  expect(key.labels).toEqual([
    { name: 'B', value: 'Ü' },
    { name: 'b', value: 'two words' },
    { name: 'z', value: '' },
  ])
  expect(await lastChanges(key.id)).toMatchObject({
    externalId: [null, key.externalId],
    labels: [null, key.labels],
  })
})

test('createApiKey: without them, and with null, a key has neither', async () => {
  for (const input of [{}, { externalId: null, labels: null }])
    expect(await create(input)).toMatchObject({ externalId: null, labels: [] })
})

test('updateApiKey: absent stays, null clears, a list replaces, and the event tells each change', async () => {
  const { id } = await create({ externalId: 'a', labels: [env] })
  expect(await update(id, { description: 'changed' })).toMatchObject({
    externalId: 'a',
    labels: [env],
  })
  expect(Object.keys(await lastChanges(id))).toEqual(['description'])
  expect(await update(id, { labels: [env, acme] })).toMatchObject({ labels: [acme, env] })
  expect(await lastChanges(id)).toEqual({ labels: [[env], [acme, env]] })
  expect(await update(id, { externalId: 'b' })).toMatchObject({ labels: [acme, env] })
  expect(await lastChanges(id)).toEqual({ externalId: ['a', 'b'] })
  expect(await update(id, { externalId: null, labels: null })).toMatchObject({
    externalId: null,
    labels: [],
  })
  expect(await lastChanges(id)).toEqual({ externalId: ['b', null], labels: [[acme, env], []] })
})

test('updateApiKey: the same labels in another order change nothing', async () => {
  const { id } = await create({ labels: [env, acme] })
  const events = (): Promise<number> =>
    world.deps.prisma.auditEvent.count({ where: { targetId: id } })
  const before = await events()
  await update(id, { labels: [env, acme] })
  expect(await events()).toBe(before)
})

const letters = (length: number): string => '😀'.repeat(length)
const many = (length: number) =>
  Array.from({ length }, (_, index) => ({ name: `n${index}`, value: letters(255) }))

test('createApiKey, updateApiKey: what is longest is accepted', async () => {
  const longest = {
    externalId: letters(255),
    labels: [{ name: letters(63), value: '' }, ...many(19)],
  }
  const { id } = await create(longest)
  expect(
    (await update(id, { labels: [{ name: letters(63), value: letters(255) }] })).labels,
  ).toEqual([{ name: letters(63), value: letters(255) }])
})

test('createApiKey, updateApiKey: each value that is not acceptable is named by its path', async () => {
  const { id } = await create({ externalId: 'kept', labels: [env] })
  const label = (name: string, value = '') => ({ labels: [acme, { name, value }] })
  const cases: [object, string][] = [
    [{ externalId: '' }, 'externalId'],
    [{ externalId: ' \u200b ' }, 'externalId'],
    [{ externalId: letters(256) }, 'externalId'],
    [{ externalId: 'a\nb' }, 'externalId'],
    [{ externalId: 'a\u0000b' }, 'externalId'],
    [{ externalId: 'a\u202eb' }, 'externalId'],
    [label(''), 'labels.1.name'],
    [label('\u2800'), 'labels.1.name'],
    [label(letters(64)), 'labels.1.name'],
    [label('a\tb'), 'labels.1.name'],
    [label('a', letters(256)), 'labels.1.value'],
    [label('a', 'b\r'.concat('c')), 'labels.1.value'],
    [label('a', '\ud800'), 'labels.1.value'],
    [label(' customer ', 'other'), 'labels.1.name'],
    [{ labels: many(21) }, 'labels'],
  ]
  for (const [input, path] of cases)
    for (const [mutation, rest] of [
      ['createApiKey', { name: name() }],
      ['updateApiKey', { id, name: name() }],
    ] as const) {
      const { codes, paths } = await attempt(world, workspace.secret, mutation, {
        ...rest,
        ...input,
      })
      expect([input, codes, paths]).toEqual([input, ['INVALID'], [['input', ...path.split('.')]]])
    }
  expect(await update(id, {})).toMatchObject({ externalId: 'kept', labels: [env] })
})

test('updateApiKey: who may update a key may name it, though they could not grant it', async () => {
  const { id } = await create({ permissions: ['members:read'] })
  const { secret } = await seed(world, workspace.secret).key({
    name: name(),
    permissions: ['keys:read', 'keys:update'],
    allSpaces: true,
  })
  const input = { id, externalId: 'x', labels: [env] }
  expect((await attempt(world, secret, 'updateApiKey', input)).codes).toEqual([])
  const dead = await create({ labels: [env] })
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id: dead.id })
  const late = { id: dead.id, labels: [] }
  expect((await attempt(world, workspace.secret, 'updateApiKey', late)).codes).toEqual([
    'WRONG_STATE',
  ])
})

test('rotate, transfer, revoke and migrate keep external id and labels', async () => {
  const robot = await seed(world, workspace.secret).machine({ name: name(), role: 'ADMIN' })
  const its = { externalId: 'kept', labels: [acme, env] }
  const { id } = await create(its)
  for (const [mutation, input] of [
    ['rotateApiKey', {}],
    ['transferApiKey', { ownerId: robot.userId }],
    ['revokeApiKey', {}],
  ] as const) {
    const { apiKey } = await done(world, workspace.secret, mutation, selection, { id, ...input })
    expect(apiKey).toEqual({ id, ...its })
  }
  const { keys } = await importKeys(world, workspace.secret, [legacyKey(robot.userId)])
  expect(await update(keys[0].id, its)).toMatchObject(its)
  const { apiKey } = await done(world, workspace.secret, 'migrateLegacyKey', selection, {
    id: keys[0].id,
  })
  expect(apiKey).toMatchObject(its)
})

test('apiKeys: externalId and label find exactly what is written so, in this workspace alone', async () => {
  const other = await world.createWorkspace()
  const its = { externalId: 'Found', labels: [{ name: 'Team', value: 'é' }, env] }
  const { id } = await create(its)
  await create({ externalId: 'found', labels: [{ name: 'Team', value: 'e' }] })
  await create({ externalId: 'Found 2', labels: [{ name: 'team', value: 'é' }] })
  await seed(world, other.secret).key({ name: name(), ...its })
  const query =
    'query ($filter: ApiKeyFilter) { apiKeys(filter: $filter) { nodes { id labels { name } } } }'
  for (const filter of [
    { externalId: 'Found' },
    { externalId: ' Found ' },
    { label: { name: 'Team', value: 'e\u0301' } },
    { externalId: 'Found', label: { name: ' Team', value: 'é ' } },
  ]) {
    const { data } = await world.gql(workspace.secret, query, { filter })
    expect([filter, data.apiKeys.nodes]).toEqual([
      filter,
      [{ id, labels: [{ name: 'Team' }, { name: 'env' }] }],
    ])
  }
  for (const filter of [{ externalId: 'Foun' }, { label: { name: 'Team', value: '' } }]) {
    const { data } = await world.gql(workspace.secret, query, { filter })
    expect([filter, data.apiKeys.nodes]).toEqual([filter, []])
  }
})

test('apiKeys: a filter that is not acceptable is refused by its path', async () => {
  const query = 'query ($filter: ApiKeyFilter) { apiKeys(filter: $filter) { nodes { id } } }'
  for (const [filter, path] of [
    [{ externalId: '' }, ['filter', 'externalId']],
    [{ label: { name: '', value: 'a' } }, ['filter', 'label', 'name']],
    [{ label: { name: 'a', value: 'a\u0000' } }, ['filter', 'label', 'value']],
  ] as const) {
    const { errors } = await world.gql(workspace.secret, query, { filter })
    expect(errors.map(({ extensions }) => [extensions.code, extensions.path])).toEqual([
      ['BAD_USER_INPUT', path],
    ])
  }
})

test('Member.apiKeys: labels and external ids are shown in lists inside lists as well', async () => {
  const robot = await seed(world, workspace.secret).machine({ name: name(), role: 'ADMIN' })
  for (let each = 0; each < 3; each += 1)
    await create({ ownerId: robot.userId, labels: [{ name: 'n', value: String(each) }] })
  const query = `query ($id: ID!) { member(id: $id) { apiKeys { nodes { externalId labels { value } } } } }`
  const { data } = await world.gql(workspace.secret, query, { id: robot.id })
  expect(data.member.apiKeys.nodes).toEqual(
    ['2', '1', '0'].map((value) => ({ externalId: null, labels: [{ value }] })),
  )
})
