import { expect, onTestFinished, test } from 'vitest'
import { deliverDue } from '../../../src/modules/webhook/deliver.ts'
import { done, seed } from '../../setup/seed.ts'
import { startReceiver } from '../../setup/webhook-receiver.ts'
import { createWebhookWorld } from './webhook-world.ts'

test('what waits for many endpoints of some workspaces does not hold another workspace up', async () => {
  const hooks = await createWebhookWorld()
  onTestFinished(hooks.close)
  const { world } = hooks
  const others = await startReceiver()
  onTestFinished(others.close)
  for (let count = 0; count < 3; count += 1) {
    const { secret } = await world.createWorkspace()
    for (let path = 0; path < 10; path += 1)
      await done(world, secret, 'createWebhookEndpoint', 'endpoint { id }', {
        url: `${others.url}/${path}`,
      })
    for (let key = 0; key < 8; key += 1) {
      const { id } = await seed(world, secret).key({ name: `key ${key}` })
      await done(world, secret, 'revokeApiKey', 'revokedCount', { id })
    }
  }
  const own = await hooks.receiver()
  const { id } = await hooks.make.key({ name: 'key' })
  await hooks.mutate('revokeApiKey', 'revokedCount', { id })
  const look = deliverDue(world.deps, new AbortController().signal)
  await Promise.all(await look())
  expect([others.requests, own.requests]).toEqual([100, 0])
  await Promise.all(await look())
  expect([others.requests, own.requests]).toEqual([199, 1])
})
