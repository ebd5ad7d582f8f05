import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { deliverDue } from '../../../src/modules/webhook/deliver.ts'
import { deleteOldDeliveries } from '../../../src/modules/webhook/watch.ts'
import { eventually } from '../../setup/eventually.ts'
import { outcome } from '../../setup/outcome.ts'
import { secondServer } from '../../setup/second-server.ts'
import { createWebhookWorld, deliverAll, passHours, type WebhookWorld } from './webhook-world.ts'

let hooks: WebhookWorld

beforeEach(async () => {
  hooks = await createWebhookWorld()
})
afterEach(() => hooks.close())

/** Revokes new keys: an event each. */
async function revoke(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const { id } = await hooks.make.key({ name })
    await hooks.mutate('revokeApiKey', 'revokedCount', { id, reason: 'leaked as hunter2' })
  }
}

/** From one attempt to the next, in hours. */
const day = [0.01, 0.1, 0.6, 2.3, 5.6, 9, 9]

test('what ends a key or a secret of it is sent to every enabled endpoint, signed, and without a secret', async () => {
  const { world, make, mutate } = hooks
  const [one, two] = [await hooks.receiver(), await hooks.receiver()]
  const off = await hooks.receiver()
  await mutate('updateWebhookEndpoint', 'endpoint { id }', { id: off.endpointId, enabled: false })
  const machine = await make.machine({ name: 'machine', role: 'BUILDER' })
  const { id, secret } = await make.key({ name: 'key', permissions: ['scopes:read'] })
  const rotated = await mutate('rotateApiKey', 'secret', { id, overlapSeconds: 60 })
  await mutate('transferApiKey', 'secret', { id, ownerId: machine.userId })
  await mutate('updateApiKey', 'apiKey { id }', { id, name: 'renamed' })
  await mutate('revokeApiKey', 'revokedCount', { id, reason: 'leaked as hunter2' })
  await deliverAll(world.deps)
  for (const { received, requests } of [one, two]) {
    expect(requests).toBe(3)
    const data = received.map((event) => [event.type, event.data.apiKeyId, event.data.name])
    expect(data.sort()).toEqual([
      ['api_key.revoked', id, 'renamed'],
      ['api_key.rotated', id, 'key'],
      ['api_key.transferred', id, 'key'],
    ])
    for (const hidden of [secret, rotated.secret, 'hunter2', 'whsec_'])
      expect(JSON.stringify(received)).not.toContain(hidden)
  }
  expect(off.requests).toBe(0)
  const shown = await hooks.deliveries(one.endpointId)
  expect(shown.map(({ event }) => event)).toEqual([
    'api_key.revoked',
    'api_key.transferred',
    'api_key.rotated',
  ])
  for (const { id: deliveryId, ...delivery } of shown) {
    expect(one.received.map((event) => event.id)).toContain(deliveryId)
    expect(delivery).toMatchObject({ status: 'DELIVERED', attempts: 1, lastStatus: 204 })
    expect(delivery).toMatchObject({ lastError: null, nextAttemptAt: null })
  }
})

test('a mutation that is refused tells nothing', async () => {
  const receiver = await hooks.receiver()
  const { world, workspace, make } = hooks
  const { id } = await make.key({ name: 'key' })
  const input = { id, reason: 'x'.repeat(10_000) }
  expect(await outcome(world, workspace.secret, 'revokeApiKey', input)).not.toEqual(['done'])
  expect(await hooks.deliveries(receiver.endpointId)).toEqual([])
})

test('a receiver that is down for a while gets the same delivery once it is back', async () => {
  const { world } = hooks
  const receiver = await hooks.receiver()
  await revoke('key')
  receiver.answer = (_, response) => response.writeHead(500).end('a secret of the receiver')
  await deliverAll(world.deps)
  const [failed] = await hooks.deliveries(receiver.endpointId)
  expect(failed).toMatchObject({ status: 'PENDING', attempts: 1, lastStatus: 500 })
  expect(failed?.lastError).toBe('The endpoint answered HTTP 500.')
  await passHours(world, 0.01)
  await deliverAll(world.deps)
  await deliverAll(world.deps)
  receiver.answer = () => undefined
  await passHours(world, 0.1)
  await deliverAll(world.deps)
  expect(receiver.requests).toBe(3)
  expect(new Set(receiver.received.map(({ id }) => id))).toEqual(new Set([failed?.id]))
  const [delivered] = await hooks.deliveries(receiver.endpointId)
  expect(delivered).toMatchObject({ status: 'DELIVERED', attempts: 3, lastStatus: 204 })
})

test('after a day a delivery has FAILED, and is sent anew when that is asked for', async () => {
  const { world, workspace, mutate } = hooks
  const receiver = await hooks.receiver()
  await revoke('key')
  receiver.answer = (_, response) => response.writeHead(503).end()
  await deliverAll(world.deps)
  for (const hours of day) {
    await passHours(world, hours)
    await deliverAll(world.deps)
  }
  const [failed] = await hooks.deliveries(receiver.endpointId)
  expect(failed).toMatchObject({ status: 'FAILED', attempts: 8, nextAttemptAt: null })
  await passHours(world, 24)
  await deliverAll(world.deps)
  expect(receiver.requests).toBe(8)

  receiver.answer = () => undefined
  const retry = () => outcome(world, workspace.secret, 'retryWebhookDelivery', { id: failed?.id })
  const other = await world.createWorkspace()
  const foreign = await outcome(world, other.secret, 'retryWebhookDelivery', { id: failed?.id })
  expect(foreign).toEqual(['NOT_FOUND input.id'])
  const endpoint = { id: receiver.endpointId }
  await mutate('updateWebhookEndpoint', 'endpoint { id }', { ...endpoint, enabled: false })
  expect(await retry()).toEqual(['WRONG_STATE input.id'])
  await mutate('updateWebhookEndpoint', 'endpoint { id }', { ...endpoint, enabled: true })
  const selection = 'delivery { id status attempts }'
  const { delivery } = await mutate('retryWebhookDelivery', selection, { id: failed?.id })
  expect(delivery).toEqual({ id: failed?.id, status: 'PENDING', attempts: 0 })
  await deliverAll(world.deps)
  expect(await hooks.deliveries(receiver.endpointId)).toMatchObject([
    { status: 'DELIVERED', attempts: 1, lastError: null },
  ])
  expect(await retry()).toEqual(['WRONG_STATE input.id'])
  await mutate('deleteWebhookEndpoint', 'deletedId', endpoint)
  expect(await retry()).toEqual(['NOT_FOUND input.id'])
})

test.each(['disabled', 'deleted'] as const)(
  'an endpoint that is %s gets nothing more',
  async (end) => {
    const { world, mutate } = hooks
    const receiver = await hooks.receiver()
    await revoke('waits')
    const id = receiver.endpointId
    if (end === 'deleted') await mutate('deleteWebhookEndpoint', 'deletedId', { id })
    else await mutate('updateWebhookEndpoint', 'endpoint { id }', { id, enabled: false })
    await revoke('later')
    await deliverAll(world.deps)
    expect(receiver.requests).toBe(0)
    if (end === 'deleted') return
    expect(await hooks.deliveries(id)).toMatchObject([
      { status: 'FAILED', attempts: 0, lastError: 'The endpoint was disabled.' },
    ])
    await mutate('updateWebhookEndpoint', 'endpoint { id }', { id, enabled: true })
    await revoke('enabled again')
    await deliverAll(world.deps)
    expect(receiver.requests).toBe(1)
  },
)

test('redirects are not followed', async () => {
  const { world } = hooks
  const [receiver, target] = [await hooks.receiver(), await hooks.receiver()]
  await hooks.mutate('deleteWebhookEndpoint', 'deletedId', { id: target.endpointId })
  receiver.answer = (_, response) => response.writeHead(307, { location: target.url }).end()
  await revoke('key')
  await deliverAll(world.deps)
  expect(target.requests).toBe(0)
  expect(await hooks.deliveries(receiver.endpointId)).toMatchObject([
    {
      status: 'PENDING',
      lastStatus: 307,
      lastError: 'The endpoint answered HTTP 307: redirects are not followed.',
    },
  ])
})

test('endpoints that do not answer get few requests at a time and hold no other up', async () => {
  const patient = await createWebhookWorld({ webhooks: { timeoutMs: 3_600_000 } })
  onTestFinished(patient.close)
  const slow = [await patient.receiver(), await patient.receiver(), await patient.receiver()]
  const quick = await patient.receiver()
  for (const receiver of slow) receiver.answer = () => new Promise(() => undefined)
  for (let count = 0; count < 12; count += 1) {
    const { id } = await patient.make.key({ name: `key ${count}` })
    await patient.mutate('revokeApiKey', 'revokedCount', { id })
  }
  const giveUp = new AbortController()
  const look = deliverDue(patient.world.deps, giveUp.signal)
  const begun: Promise<void>[] = []
  await eventually(async () => {
    begun.push(...(await look()))
    expect(quick.received).toHaveLength(12)
    expect(slow.map(({ requests }) => requests)).toEqual([4, 4, 4])
  })
  expect(begun).toHaveLength(12 + 3 * 4)
  giveUp.abort()
  await Promise.all(begun)
})

test('an endpoint that does not answer in time is asked again later', async () => {
  const impatient = await createWebhookWorld({ webhooks: { timeoutMs: 100 } })
  onTestFinished(impatient.close)
  const receiver = await impatient.receiver()
  receiver.answer = () => new Promise(() => undefined)
  const { id } = await impatient.make.key({ name: 'key' })
  await impatient.mutate('revokeApiKey', 'revokedCount', { id })
  await deliverAll(impatient.world.deps)
  expect(await impatient.deliveries(receiver.endpointId)).toMatchObject([
    { status: 'PENDING', lastStatus: null, lastError: 'There was no answer within 0.1 s.' },
  ])
})

test('what a server that died had taken is sent by another, under the same id', async () => {
  const { world } = hooks
  const receiver = await hooks.receiver()
  await revoke('key')
  const dies = new AbortController()
  const answer = Promise.withResolvers<void>()
  const came = new Promise<void>((resolve) => {
    receiver.answer = () => {
      resolve()
      return answer.promise
    }
  })
  const begun = await deliverDue(world.deps, dies.signal)()
  await came
  dies.abort()
  await Promise.all(begun)
  answer.resolve()
  receiver.answer = () => undefined
  const other = await secondServer(world.deps)
  await deliverAll(other.deps)
  expect(receiver.requests).toBe(1)
  await passHours(world, 0.02)
  await deliverAll(other.deps)
  expect(receiver.requests).toBe(2)
  const [first, second] = receiver.received
  expect(second).toEqual(first)
  expect(await hooks.deliveries(receiver.endpointId)).toMatchObject([{ status: 'DELIVERED' }])
  await other.close()
})

test('three servers at once send each delivery once', async () => {
  const { world } = hooks
  const receiver = await hooks.receiver()
  await revoke(...Array.from({ length: 30 }, (_, index) => `key ${index}`))
  const others = [await secondServer(world.deps), await secondServer(world.deps)]
  await Promise.all([world.deps, ...others.map(({ deps }) => deps)].map(deliverAll))
  await deliverAll(world.deps)
  expect(receiver.received).toHaveLength(30)
  expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(30)
  for (const { close } of others) await close()
})

test('deliveries are kept for 30 days', async () => {
  const { world } = hooks
  const { endpointId } = await hooks.receiver()
  await revoke('old')
  await passHours(world, 24 * 20)
  await revoke('new')
  await passHours(world, 24 * 9)
  await deleteOldDeliveries(world.deps)
  expect(await hooks.deliveries(endpointId)).toHaveLength(2)
  await passHours(world, 24 * 2)
  await deleteOldDeliveries(world.deps)
  expect(await hooks.deliveries(endpointId)).toHaveLength(1)
})
