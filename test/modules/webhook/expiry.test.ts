import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { giveDueNotices } from '../../../src/modules/api-key/expiry-notices.ts'
import { secondServer } from '../../setup/second-server.ts'
import { watchStatements } from '../../setup/statements.ts'
import { createWebhookWorld, deliverAll, passHours, type WebhookWorld } from './webhook-world.ts'

let hooks: WebhookWorld

beforeEach(async () => {
  hooks = await createWebhookWorld()
})
afterEach(() => hooks.close())

const hour = 3_600_000
const inDays = (days: number): string => new Date(Date.now() + 24 * days * hour).toISOString()

/** A key that ends in so many days. */
const keyFor = (name: string, days: number | null) =>
  hooks.make.key({ name, ...(days !== null && { expiresAt: inDays(days) }) })

/** The events about ends so far, the oldest first. */
async function notices(): Promise<string[]> {
  const events = await hooks.world.deps.prisma.auditEvent.findMany({
    where: { workspaceId: hooks.workspace.id, action: { startsWith: 'api_key.expire' } },
    orderBy: { sequence: 'asc' },
  })
  return events.map(({ action, targetName }) => `${targetName} ${action.slice('api_key.'.length)}`)
}

/** Lets time pass, and has one server look. */
async function after(days: number): Promise<string[]> {
  await passHours(hooks.world, 24 * days)
  await giveDueNotices(hooks.world.deps)
  return notices()
}

test('over 60 days three servers give exactly the notices that are due, each once', async () => {
  const { world, mutate } = hooks
  const receiver = await hooks.receiver()
  await keyFor('long', 45.1)
  await keyFor('short', 5.1)
  await keyFor('endless', null)
  const revoked = await keyFor('revoked', 45.1)
  const moved = await keyFor('moved', 20.1)
  const disabled = await keyFor('disabled', 10.1)
  await mutate('disableApiKey', 'apiKey { id }', { id: disabled.id })
  const others = [await secondServer(world.deps), await secondServer(world.deps)]
  const servers = [world.deps, ...others.map(({ deps }) => deps)]

  const given: string[] = []
  for (let step = 0; step <= 240; step += 1) {
    const day = step / 4
    if (day === 20) await mutate('revokeApiKey', 'revokedCount', { id: revoked.id })
    if (day === 10)
      await mutate('updateApiKey', 'apiKey { id }', { id: moved.id, expiresAt: inDays(40.1) })
    const before = await notices()
    await Promise.all(servers.map((deps) => giveDueNotices(deps)))
    for (const notice of (await notices()).slice(before.length).sort())
      given.push(`${day} ${notice}`)
    await Promise.all(servers.map(deliverAll))
    await passHours(world, 6)
  }
  expect(given).toEqual([
    '4.25 short expires_soon',
    '5.25 short expired',
    '15.25 long expires_soon',
    '15.25 revoked expires_soon',
    '20.25 moved expires_soon',
    '38.25 long expires_soon',
    '43.25 moved expires_soon',
    '44.25 long expires_soon',
    '45.25 long expired',
    '49.25 moved expires_soon',
    '50.25 moved expired',
  ])
  const told = receiver.received.map(({ type, data }) => `${data.name} ${type}`)
  expect(told.sort()).toEqual(
    [
      ...given.map((notice) => notice.replace(/^\S+ (\w+) /, '$1 api_key.')),
      'revoked api_key.revoked',
    ].sort(),
  )
  expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(receiver.received.length)
  for (const { close } of others) await close()
})

test('a notice says which key ends when, and nothing that somebody wrote but its name', async () => {
  const { world, workspace } = hooks
  const receiver = await hooks.receiver()
  const expiresAt = inDays(7.5)
  const key = await hooks.make.key({ name: 'key', description: 'for nobody', expiresAt })
  expect(await after(1)).toEqual(['key expires_soon'])
  await deliverAll(world.deps)
  const [{ id, ...event } = { id: '' }] = receiver.received
  const auditEvent = await world.deps.prisma.auditEvent.findFirstOrThrow({
    where: { action: 'api_key.expires_soon' },
  })
  expect(id).toMatch(/^whd_/)
  expect(event).toEqual({
    type: 'api_key.expires_soon',
    timestamp: auditEvent.at.toISOString(),
    data: {
      workspaceId: workspace.id,
      apiKeyId: key.id,
      name: 'key',
      auditEventId: auditEvent.id,
      effectiveExpiresAt: new Date(Date.parse(expiresAt) - 24 * hour).toISOString(),
    },
  })
})

test('of several notices that became due while no server ran, only the most urgent is given', async () => {
  await keyFor('key', 40)
  expect(await after(0)).toEqual([])
  expect(await after(39.5)).toEqual(['key expires_soon'])
  expect(await after(1)).toEqual(['key expires_soon', 'key expired'])
  await keyFor('other', 40)
  expect(await after(60)).toEqual(['key expires_soon', 'key expired', 'other expired'])
  expect(await after(60)).toHaveLength(3)
})

test('a changed end has notices of its own, and one that comes back has none twice', async () => {
  const { id } = await keyFor('key', 90)
  /** The workspace is looked at a minute after a change at the latest. */
  const change = async (expiresAt: string | null) => {
    await hooks.mutate('updateApiKey', 'apiKey { id }', { id, expiresAt })
    return (await after(1 / 24)).length
  }
  expect(await after(50)).toEqual([])
  const { expiresAt } = await hooks.world.deps.prisma.apiKey.findFirstOrThrow({ where: { id } })
  expect(await change(inDays(3))).toBe(1)
  expect(await change(inDays(20))).toBe(2)
  expect(await change(null)).toBe(2)
  expect(await change(inDays(20))).toBe(3)
  const again = new Date(Number(expiresAt)).toISOString()
  expect(await change(again)).toBe(3)
  expect(await after(12)).toHaveLength(4)
})

test('a policy that ends keys gives notice, and a key that is enabled again gets one of the end that comes next', async () => {
  const { mutate } = hooks
  await keyFor('by policy', null)
  const { id } = await keyFor('enabled', 5)
  await mutate('disableApiKey', 'apiKey { id }', { id })
  expect(await after(4.5)).toEqual([])
  await mutate('enableApiKey', 'apiKey { id }', { id })
  await mutate('updateWorkspace', 'workspace { id }', { maxKeyLifetimeDays: 10 })
  const given = await after(1 / 24)
  expect([...given].sort()).toEqual([
    expect.stringMatching(/^Owner key of \S+ expires_soon$/),
    'by policy expires_soon',
    'enabled expires_soon',
  ])
})

test('a workspace of many keys that never stops changing has its notices all the same', async () => {
  const statements = watchStatements()
  onTestFinished(statements.stop)
  const busy = await createWebhookWorld()
  onTestFinished(busy.close)
  const { id } = await busy.make.key({ name: 'last', expiresAt: inDays(40) })
  const copied = await busy.world.deps.prisma.$executeRaw`
    INSERT INTO "ApiKey" SELECT (jsonb_populate_record(k, jsonb_build_object(
        'id', 'key_' || lpad(n::text, 26, '0'), 'nameKey', n::text, 'expiresAt', NULL))).*
      FROM "ApiKey" k, generate_series(1, 2000) AS n WHERE k.id = ${id}`
  expect(copied).toBe(2_000)
  let count = 0
  statements.answering = async (text) => {
    if (!text.includes('"anyDue"')) return
    count += 1
    await busy.make.scope({ name: `scope ${count}`, permissions: ['agents:read'] })
  }
  await passHours(busy.world, 24 * 35)
  await giveDueNotices(busy.world.deps)
  const where = { action: 'api_key.expires_soon', targetId: id }
  expect(await busy.world.deps.prisma.auditEvent.count({ where })).toBe(1)
})
