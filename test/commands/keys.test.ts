import { beforeEach, expect, test } from 'vitest'
import { verdict } from '../modules/api-key/ask.ts'
import { addHuman } from '../setup/human.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorld, world } from '../setup/use-world.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { eventsOf, operator, operatorIn } from './operator.ts'

let workspace: TestWorkspace
let command: ReturnType<typeof operatorIn>

useWorld()
beforeEach(async () => {
  workspace = await world.createWorkspace()
  command = operatorIn(world, workspace)
})

const byOperator = [null, null, 'operator']

const epochOf = async (): Promise<bigint> =>
  (await world.deps.prisma.workspace.findUniqueOrThrow({ where: { id: workspace.id } })).epoch

test('keys create: a key of a person or machine user with all that was typed, by the operator', async () => {
  const { secret: owner } = workspace
  const person = await addHuman(world, workspace, 'BUILDER')
  const space = await seed(world, owner).space({ name: 'Only' })
  const scope = await seed(world, owner).scope({ name: 'Reads', permissions: ['spaces:read'] })
  const before = await epochOf()
  const { apiKey, secret } = await command(
    'keys',
    'create',
    person.userId,
    'CI',
    ...['--permissions', 'agents:read, agents:run', '--permissions=keys:read'],
    ...['--scope-ids', scope, '--spaces', space, '--allowed-ips', '192.0.2.0/24,2001:db8::1'],
    ...['--expires-at', '2099-01-01T00:00:00Z', '--requests-per-minute', '7'],
    ...['--description', 'Of the operator'],
  )
  expect(await epochOf()).toBe(before + 1n)
  expect(apiKey).toMatchObject({
    name: 'CI',
    owner: { id: person.userId },
    permissions: ['agents:read', 'agents:run', 'keys:read'],
  })
  const { data } = await world.gql(
    owner,
    `query ($id: ID!) { apiKey(id: $id) {
      description createdBy { id } allSpaces spaces { spaceId } scopes { id } allowedIps
      expiresAt requestsPerMinute } }`,
    { id: apiKey.id },
  )
  expect(data.apiKey).toEqual({
    description: 'Of the operator',
    createdBy: null,
    allSpaces: false,
    spaces: [{ spaceId: space }],
    scopes: [{ id: scope }],
    allowedIps: ['192.0.2.0/24', '2001:db8::1'],
    expiresAt: '2099-01-01T00:00:00.000Z',
    requestsPerMinute: 7,
  })
  expect(await verdict(world, secret, { address: '192.0.2.9' })).toBe('ACCEPTED')
  expect(await verdict(world, secret, { address: '192.0.3.9' })).toBe('401 IP_NOT_ALLOWED')
  expect((await eventsOf(world, workspace)).at(-1)).toMatchObject({
    action: 'api_key.created',
    actor: byOperator,
    targetId: apiKey.id,
  })
  expect(world.logs.join()).not.toContain(secret)
})

test.each<[string, string[]]>([
  ['There is no such user.', ['usr_none', 'x']],
  ['<name>: A name must not be empty.', ['OWNER', '']],
  ['--permissions: ', ['OWNER', 'x', '--permissions', 'agents:fly']],
  ['--permissions: ', ['OWNER', 'x', '--permissions', 'agents:run']],
  ['--spaces: ', ['OWNER', 'x', '--spaces', 'spc_none']],
  ['--scope-ids: ', ['OWNER', 'x', '--scope-ids', 'scp_none']],
  ['--spaces: A key is for all spaces', ['OWNER', 'x', '--all-spaces', '--spaces', 'spc_none']],
  ['--expires-at: "tomorrow" is no instant', ['OWNER', 'x', '--expires-at', 'tomorrow']],
  ['--allowed-ips: ', ['OWNER', 'x', '--allowed-ips', 'here']],
])(
  'keys create: "%s" refuses what the API refuses, and nothing is stored',
  async (message, argv) => {
    const typed = argv.map((word) => (word === 'OWNER' ? workspace.ownerId : word))
    const before = await epochOf()
    await expect(command('keys', 'create', ...typed)).rejects.toThrow(message)
    expect(await eventsOf(world, workspace)).toEqual([])
    expect(await epochOf()).toBe(before)
  },
)

test('keys create: the plan, the lifetime policy and other workspaces bind the operator as well', async () => {
  const { secret: owner, ownerId } = workspace
  await done(world, owner, 'updateWorkspace', 'workspace { id }', { maxKeyLifetimeDays: 30 })
  await expect(
    command('keys', 'create', ownerId, 'x', '--expires-at', '2099-01-01T00:00:00Z'),
  ).rejects.toThrow('--expires-at: The workspace lets this key live until ')
  await operator(world)('workspace', 'plan', workspace.slug, 'enterprise', '--live-keys', '1')
  await expect(command('keys', 'create', ownerId, 'x')).rejects.toThrow('no more live keys')
  const other = await world.createWorkspace()
  await expect(command('keys', 'create', other.ownerId, 'x')).rejects.toThrow('no such user')
  for (const verb of ['rotate', 'revoke'])
    await expect(command('keys', verb, other.keyId)).rejects.toThrow('There is no such API key.')
  expect(await verdict(world, other.secret)).toBe('ACCEPTED')
  await expect(operator(world)('keys', 'list')).rejects.toThrow('name a workspace')
  await expect(operator(world)('keys', 'list', '--workspace', 'none')).rejects.toThrow(
    'There is no workspace "none".',
  )
})

test('keys rotate: the old secret works to the end of its overlap, a second rotation conflicts', async () => {
  const { secret: owner, ownerId } = workspace
  const made = await command('keys', 'create', ownerId, 'CI', '--all-spaces')
  const { id } = made.apiKey
  const { apiKey, secret } = await command('keys', 'rotate', id, '--overlap-seconds', '600')
  const [{ previousSecretExpiresAt }] = await command('keys', 'list')
  expect(Date.parse(previousSecretExpiresAt) - Date.parse(apiKey.rotatedAt)).toBe(600_000)
  for (const each of [made.secret, secret]) expect(await verdict(world, each)).toBe('ACCEPTED')
  await expect(command('keys', 'rotate', id)).rejects.toThrow('The secret was replaced at ')
  await expect(
    command('keys', 'rotate', id, '--expected-rotated-at', '2020-01-01T00:00:00Z'),
  ).rejects.toThrow('--expected-rotated-at: The key was rotated at ')
  const again = await command(
    ...['keys', 'rotate', id, '--overlap-seconds', '0'],
    ...['--expected-rotated-at', apiKey.rotatedAt],
  )
  expect(await verdict(world, again.secret)).toBe('ACCEPTED')
  expect(await verdict(world, made.secret)).toBe('401 ROTATED')
  expect((await eventsOf(world, workspace)).map(({ action, actor }) => [action, actor])).toEqual([
    ['api_key.created', byOperator],
    ['api_key.rotated', byOperator],
    ['api_key.rotated', byOperator],
  ])
  // What the operator has made counts as theirs: nobody else holds a secret that bounds it.
  await done(world, owner, 'updateApiKey', 'apiKey { id }', { id, permissions: ['*'] })
})

test('keys revoke: the key, its tokens and what it made, once; who revoked it stays', async () => {
  const { secret: owner, ownerId } = workspace
  const { apiKey, secret } = await command(
    ...['keys', 'create', ownerId, 'Maker', '--permissions', '*', '--all-spaces'],
  )
  const { token } = await done(world, secret, 'createAccessToken', 'token', {})
  const child = await seed(world, secret).key({ name: 'Child' })
  const revoke = (...more: string[]) => command('keys', 'revoke', apiKey.id, ...more)
  expect(await revoke('--reason', 'found in a log')).toMatchObject({
    revokedCount: 1,
    apiKey: { id: apiKey.id, revokedAt: expect.any(String) },
  })
  for (const each of [secret, token]) expect(await verdict(world, each)).toBe('401 REVOKED')
  expect(await verdict(world, child.secret)).toBe('ACCEPTED')
  expect(await revoke('--reason', 'again')).toMatchObject({ revokedCount: 0 })
  expect(await revoke('--include-created')).toMatchObject({ revokedCount: 1 })
  expect(await verdict(world, child.secret)).toBe('401 REVOKED')
  expect(await operator(world)('keys', 'revoke', apiKey.id, '--workspace', workspace.slug)).toBe(
    `Nothing was changed: the key ${apiKey.id} was revoked before.`,
  )
  const { data } = await world.gql(
    owner,
    'query ($id: ID!) { apiKey(id: $id) { revocationReason revokedBy { id } } }',
    { id: apiKey.id },
  )
  expect(data.apiKey).toEqual({ revocationReason: 'found in a log', revokedBy: null })
})

test('keys create and rotate: for a person, until they are removed', async () => {
  const person = await addHuman(world, workspace, 'ADMIN')
  const { apiKey } = await command('keys', 'create', person.userId, 'Theirs')
  const rotated = await command('keys', 'rotate', apiKey.id)
  expect(rotated.apiKey.owner.id).toBe(person.userId)
  await done(world, workspace.secret, 'removeMember', 'member { id }', { id: person.memberId })
  await expect(command('keys', 'rotate', apiKey.id)).rejects.toThrow('The key is revoked.')
  await expect(command('keys', 'create', person.userId, 'More')).rejects.toThrow('no such user')
})

test('keys list: every key once, newest first, and the filters as those of the API', async () => {
  const { secret: owner, ownerId } = workspace
  const machine = await seed(world, owner).machine({ name: 'Robot', role: 'BUILDER' })
  const ends = await command(
    ...['keys', 'create', machine.userId, 'Ends', '--expires-at', '2090-01-01T00:00:00Z'],
  )
  const gone = await command('keys', 'create', ownerId, 'Gone')
  await command('keys', 'revoke', gone.apiKey.id)
  const idsOf = async (...filter: string[]): Promise<string[]> =>
    (await command('keys', 'list', ...filter)).map(({ id }: { id: string }) => id)
  expect(await idsOf()).toEqual([gone.apiKey.id, ends.apiKey.id, workspace.keyId])
  expect(await idsOf('--owner-id', machine.userId)).toEqual([ends.apiKey.id])
  expect(await idsOf('--status', 'revoked')).toEqual([gone.apiKey.id])
  expect(await idsOf('--expires-before', '2095-01-01T00:00:00Z')).toEqual([ends.apiKey.id])
  expect(await idsOf('--expires-before', '2085-01-01T00:00:00Z')).toEqual([])
  expect(await idsOf('--last-used-before', '2020-01-01T00:00:00Z', '--status', 'ACTIVE')).toEqual([
    ends.apiKey.id,
  ])
  expect(await idsOf('--owner-id', 'usr_none')).toEqual([])

  const text = await operator(world)('keys', 'list', '--workspace', workspace.slug)
  const [headings, ...rows] = text.split('\n')
  expect(headings?.split(/ {2,}/)).toEqual([
    'ID',
    'NAME',
    'OWNER',
    'STATUS',
    'SECRET',
    'CREATED',
    'EXPIRES',
    'LAST USED',
  ])
  const { id, start, last4, createdAt } = ends.apiKey
  const created = createdAt.replace(/\.\d+/, '')
  expect(rows[1]?.split(/ {2,}/)).toEqual([
    id,
    'Ends',
    'Robot',
    'ACTIVE',
    `${start}…${last4}`,
    created,
    '2090-01-01T00:00:00Z',
    '-',
  ])
  expect(text).not.toContain(ends.secret)
})

test('keys list: of more keys than are read at a time each is listed once', async () => {
  const { id: workspaceId, ownerId } = workspace
  const createdAt = new Date('2026-01-01T00:00:00Z')
  const rows = Array.from({ length: 2_100 }, (_, index) => ({
    ...{ workspaceId, ownerId, createdAt, updatedAt: createdAt, permissions: [], allSpaces: false },
    id: `key_${String(index).padStart(26, '0')}`,
    name: `Key ${index}`,
    start: 'lk_x',
    last4: 'xxxx',
  }))
  await world.deps.prisma.apiKey.createMany({ data: rows })
  const ids: string[] = (await command('keys', 'list')).map(({ id }: { id: string }) => id)
  expect(ids).toEqual([workspace.keyId, ...rows.map(({ id }) => id).reverse()])
})
