import { afterAll, beforeAll, expect, test } from 'vitest'
import { addHuman, humanKey } from '../../setup/human.ts'
import { holdLine } from '../../setup/in-line.ts'
import { outcome } from '../../setup/outcome.ts'
import { createWebhookWorld, type WebhookWorld } from './webhook-world.ts'

let hooks: WebhookWorld

beforeAll(async () => {
  hooks = await createWebhookWorld({ webhooks: { allowPrivate: false } })
})
afterAll(() => hooks.close())

const url = 'https://hooks.example.com/latchkey?code=hunter2'
const mutations = [
  'createWebhookEndpoint',
  'updateWebhookEndpoint',
  'deleteWebhookEndpoint',
  'retryWebhookDelivery',
]

const shown = 'endpoint { id url enabled createdAt }'

const eventsOf = async (targetId: string) =>
  (
    await hooks.world.deps.prisma.auditEvent.findMany({
      where: { workspaceId: hooks.workspace.id, targetId },
      orderBy: { sequence: 'asc' },
    })
  ).map(({ action, targetName, changes }) => [action, targetName, JSON.parse(changes)])

test('an endpoint is made, changed, listed, found and deleted, and its secret is shown once and stored encrypted', async () => {
  const { world, workspace, mutate } = hooks
  const made = await mutate('createWebhookEndpoint', `${shown} signingSecret`, { url: ` ${url} ` })
  expect(made.endpoint).toMatchObject({ url, enabled: true })
  expect(made.signingSecret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  const { id } = made.endpoint
  const stored = await world.deps.prisma.$queryRaw<{ secret: string }[]>`
    SELECT secret FROM "WebhookEndpoint" WHERE id = ${id}`
  expect(stored[0]?.secret).toMatch(/^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/)

  const next = { id, url: 'https://hooks.example.com/new', enabled: false }
  expect((await mutate('updateWebhookEndpoint', shown, next)).endpoint).toMatchObject(next)
  expect((await mutate('updateWebhookEndpoint', shown, next)).endpoint).toMatchObject(next)
  const list = '{ webhookEndpoints { id url enabled deliveries { nodes { id } } } }'
  const found = { ...next, deliveries: { nodes: [] } }
  expect((await world.gql(workspace.secret, list)).data.webhookEndpoints).toEqual([found])
  const node = `{ node(id: "${id}") { __typename id } }`
  expect((await world.gql(workspace.secret, node)).data.node.__typename).toBe('WebhookEndpoint')

  await mutate('deleteWebhookEndpoint', 'deletedId', { id })
  expect((await world.gql(workspace.secret, list)).data.webhookEndpoints).toEqual([])
  expect((await world.gql(workspace.secret, node)).data.node).toBeNull()
  for (const mutation of ['updateWebhookEndpoint', 'deleteWebhookEndpoint'])
    expect(await outcome(world, workspace.secret, mutation, { id })).toEqual(['NOT_FOUND input.id'])
  const gone = await world.deps.prisma.$queryRaw`
    SELECT secret FROM "WebhookEndpoint" WHERE id = ${id}`
  expect(gone).toEqual([{ secret: '' }])

  const host = 'hooks.example.com'
  expect(await eventsOf(id)).toEqual([
    [
      'webhook_endpoint.created',
      host,
      [
        { field: 'origin', before: 'null', after: '"https://hooks.example.com"' },
        { field: 'enabled', before: 'null', after: 'true' },
      ],
    ],
    ['webhook_endpoint.updated', host, expect.arrayContaining([expect.anything()])],
    ['webhook_endpoint.deleted', host, []],
  ])
  const everything = JSON.stringify(await world.deps.prisma.auditEvent.findMany(), (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  for (const secret of ['hunter2', made.signingSecret]) {
    expect(everything).not.toContain(secret)
    expect(world.logs.join()).not.toContain(secret)
  }
})

test.each([
  ['http://hooks.example.com/', 'no https'],
  ['ftp://hooks.example.com/', 'no https'],
  ['hooks.example.com', 'no URL'],
  ['', 'empty'],
  ['https://user:secret@hooks.example.com/', 'credentials'],
  ['https://hooks.example.com/#a', 'a fragment'],
  [`https://hooks.example.com/${'a'.repeat(2_048)}`, 'too long'],
  ...[
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0x7f.0.0.1/',
    'https://0177.0.0.1/',
    'https://10.1.2.3/',
    'https://172.31.0.1/',
    'https://192.168.0.1/',
    'https://169.254.169.254/',
    'https://168.63.129.16/',
    'https://100.100.100.200/',
    'https://0.0.0.0/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::127.0.0.1]/',
    'https://[64:ff9b::10.0.0.1]/',
    'https://[64:ff9b:1::1]/',
    'https://[2002:a00:1::1]/',
    'https://[2001:0:a00:1::]/',
    'https://[fe80::1]/',
    'https://[fec0::1]/',
    'https://[fd00:ec2::254]/',
    'https://[ff02::1]/',
    'https://[2001:db8::1]/',
  ].map((address): [string, string] => [address, 'not public']),
])('createWebhookEndpoint refuses %s: %s', async (given) => {
  const { world, workspace } = hooks
  const result = await outcome(world, workspace.secret, 'createWebhookEndpoint', { url: given })
  expect(result).toEqual(['INVALID input.url'])
})

test('a workspace has 10 endpoints at most, disabled ones included and deleted ones not', async () => {
  const { world } = hooks
  const { secret } = await world.createWorkspace()
  const create = () => outcome(world, secret, 'createWebhookEndpoint', { url })
  for (let count = 0; count < 10; count += 1) expect(await create()).toEqual(['done'])
  expect(await create()).toEqual(['LIMIT_REACHED input'])
  const { data } = await world.gql(secret, '{ webhookEndpoints { id } }')
  const [{ id }] = data.webhookEndpoints
  await outcome(world, secret, 'updateWebhookEndpoint', { id, enabled: false })
  expect(await create()).toEqual(['LIMIT_REACHED input'])
  await outcome(world, secret, 'deleteWebhookEndpoint', { id })
  expect(await create()).toEqual(['done'])
})

test('of 14 creations at once 10 are made, and the others reach the limit', async () => {
  const { world } = hooks
  const { secret } = await world.createWorkspace()
  const create = () => outcome(world, secret, 'createWebhookEndpoint', { url })
  const answers = (await Promise.all(Array.from({ length: 14 }, create))).flat().toSorted()
  expect(answers).toEqual([...Array(4).fill('LIMIT_REACHED input'), ...Array(10).fill('done')])
})

// What a request was let through with must still hold once it has the workspace's lock.
test.each(mutations)('%s is refused to a caller who was demoted while it waited', async (name) => {
  const { world, workspace, mutate } = hooks
  const { id } = (await mutate('createWebhookEndpoint', shown, { url })).endpoint
  const human = await addHuman(world, workspace, 'ADMIN')
  const rights = { permissions: ['workspace:read', 'workspace:update'], spaces: [] }
  const { secret } = await humanKey(world, workspace, human, rights)
  const line = holdLine(world.deps, workspace.id)
  const demotion = mutate('updateMember', 'member { id }', { id: human.memberId, role: 'MEMBER' })
  await line.waiting(1)
  const input = name === 'createWebhookEndpoint' ? { url } : { id }
  const late = outcome(world, secret, name, input)
  await line.waiting(2)
  await line.open()
  await demotion
  expect(await late).toEqual(['FORBIDDEN workspace:update'])
})

test('null is refused where it clears nothing, and another workspace has no such endpoint', async () => {
  const { world, workspace, mutate } = hooks
  const { id } = (await mutate('createWebhookEndpoint', shown, { url })).endpoint
  const update = (secret: string, input: object) =>
    outcome(world, secret, 'updateWebhookEndpoint', { id, ...input })
  const none = ['INVALID input.url', 'INVALID input.enabled']
  expect(await update(workspace.secret, { url: null, enabled: null })).toEqual(none)
  const other = await world.createWorkspace()
  expect(await update(other.secret, { enabled: false })).toEqual(['NOT_FOUND input.id'])
  const node = `{ node(id: "${id}") { id } webhookEndpoints { id } }`
  const { data } = await world.gql(other.secret, node)
  expect(data).toEqual({ node: null, webhookEndpoints: [] })
})
