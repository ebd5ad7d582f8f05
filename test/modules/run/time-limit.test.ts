import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type ChatEndpoint,
  createChatEndpoint,
  endpointSecret,
  endpointWords,
  type Fault,
} from '../../setup/chat-endpoint.ts'
import { eventually } from '../../setup/eventually.ts'
import { done, seed } from '../../setup/seed.ts'
import { createWorld, type World } from '../../setup/world.ts'

let world: World
let endpoint: ChatEndpoint
let secret: string
let agentId: string

const timeoutSeconds = 2

beforeAll(async () => {
  endpoint = await createChatEndpoint()
  const runtime = { url: endpoint.url, key: endpointSecret, model: 'house-model', timeoutSeconds }
  world = await createWorld({ runtime })
  secret = (await world.createWorkspace()).secret
  const make = seed(world, secret)
  agentId = await make.agent({ name: 'agent', spaceIds: [await make.space({ name: 'space' })] })
})
afterAll(async () => {
  await world.close()
  await endpoint.close()
})

const run = (input: object): Promise<any> =>
  done(world, secret, 'runAgent', 'run { status output error session { id } }', {
    input: 'Hello',
    ...input,
  }).then((payload) => payload.run)

test.each<Fault>(['never answers', 'stalls', 'never ends'])(
  'an endpoint that "%s" fails the run once its time is over, and is not waited for',
  async (fault) => {
    endpoint.fault = fault
    const before = endpoint.requests.length
    const since = performance.now()
    const failed = await run({ agentId })
    expect(performance.now() - since).toBeLessThan(timeoutSeconds * 1_000 + 3_000)
    const error = 'The agent endpoint took longer than 2 s.'
    expect(failed).toMatchObject({ status: 'FAILED', output: null, error })
    expect(endpoint.requests.length).toBe(before + 1)
    await eventually(() => expect(endpoint.waiting()).toBe(0))
    endpoint.fault = undefined
    const again = await run({ sessionId: failed.session.id, input: 'Again' })
    expect(again).toMatchObject({ status: 'SUCCEEDED' })
    expect(endpoint.requests.at(-1)?.body.messages).toHaveLength(1)
    expect(world.logs.join()).not.toContain(endpointSecret)
    expect(world.logs.join()).not.toContain(endpointWords)
  },
)
