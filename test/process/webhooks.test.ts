import { expect, onTestFinished, test, vi } from 'vitest'
import { eventually } from '../setup/eventually.ts'
import { startReceiver } from '../setup/webhook-receiver.ts'
import { createFolder, startServer, stop } from './program.ts'

// A process starts slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 120_000 })

test('a server sends webhooks by itself, and what it could not finish waits for the next one', async () => {
  const receiver = await startReceiver()
  onTestFinished(receiver.close)
  const settings = {
    DATA_DIR: await createFolder(),
    WEBHOOK_ALLOW_PRIVATE: 'on',
    SHUTDOWN_SECONDS: '1',
  }
  const server = await startServer(settings)
  const [key = ''] = server.printedKeys
  const create = `mutation { createWebhookEndpoint(input: { url: "${receiver.url}" }) { signingSecret } }`
  receiver.secret = (await server.gql(key, create)).data.createWebhookEndpoint.signingSecret
  const revoke = async (name: string): Promise<void> => {
    const made = `mutation { createApiKey(input: { name: "${name}" }) { apiKey { id } } }`
    const { id } = (await server.gql(key, made)).data.createApiKey.apiKey
    await server.gql(key, `mutation { revokeApiKey(input: { id: "${id}" }) { revokedCount } }`)
  }
  await revoke('first')
  await eventually(() => expect(receiver.received).toHaveLength(1))
  receiver.answer = () => new Promise(() => undefined)
  await revoke('second')
  await eventually(() => expect(receiver.received).toHaveLength(2))
  expect(await stop(server)).toBe(0)

  receiver.answer = () => undefined
  const next = await startServer(settings)
  const deliveries = async () => {
    const query = '{ webhookEndpoints { deliveries { nodes { event status } } } }'
    return (await next.gql(key, query)).data.webhookEndpoints[0].deliveries.nodes
  }
  const delivery = (status: string) => ({ event: 'api_key.revoked', status })
  expect(await deliveries()).toEqual([delivery('PENDING'), delivery('DELIVERED')])
  expect(await stop(next)).toBe(0)
})
