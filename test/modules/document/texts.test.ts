import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type ChatEndpoint, createChatEndpoint } from '../../setup/chat-endpoint.ts'
import { done, seed } from '../../setup/seed.ts'
import { createWorld, type World } from '../../setup/world.ts'
import { createStage, deleteDocument, type Stage, uploaded } from './ask.ts'

let endpoint: ChatEndpoint
let world: World
let stage: Stage

beforeAll(async () => {
  endpoint = await createChatEndpoint()
  world = await createWorld({ runtime: { url: endpoint.url, model: 'house-model' } })
})
afterAll(async () => {
  await world.close()
  await endpoint.close()
})
beforeEach(async () => {
  stage = await createStage(world)
})

/** Runs the agent of the stage, and gives what the endpoint was told. */
async function toldIn(
  { workspace, session }: Stage,
  secret = workspace.secret,
): Promise<{ run: any; messages: any[] }> {
  const before = endpoint.requests.length
  const input = { sessionId: session, input: 'What do they say?' }
  const { run } = await done(world, secret, 'runAgent', 'run { status error }', input)
  return { run, messages: endpoint.requests.slice(before).flatMap(({ body }) => body.messages) }
}

test('a run tells the agent the texts of the session, the oldest first, and no other documents', async () => {
  const { workspace, session } = stage
  await uploaded(world, workspace.secret, session, 'first text', 'größe.txt')
  await uploaded(world, workspace.secret, session, 'ünd zweiter', 'b.txt')
  const picture = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')
  await uploaded(world, workspace.secret, session, picture, 'c.png')
  const gone = await uploaded(world, workspace.secret, session, 'deleted text', 'd.txt')
  await deleteDocument(world, workspace.secret, gone.id)
  const other = await createStage(world)
  await uploaded(world, other.workspace.secret, other.session, 'of others', 'e.txt')
  const { run, messages } = await toldIn(stage)
  expect(run).toEqual({ status: 'SUCCEEDED', error: null })
  expect(messages).toEqual([
    { role: 'user', content: 'The document "größe.txt":\n\nfirst text' },
    { role: 'user', content: 'The document "b.txt":\n\nünd zweiter' },
    { role: 'user', content: 'What do they say?' },
  ])
})

test('texts are told up to a length all together, and the agent knows what is missing', async () => {
  const { workspace, session } = stage
  await uploaded(world, workspace.secret, session, 'ä'.repeat(150_000), 'a.txt')
  await uploaded(world, workspace.secret, session, '😀'.repeat(40_000), 'b.txt')
  await uploaded(world, workspace.secret, session, 'c', 'c.txt')
  const { messages } = await toldIn(stage)
  expect(messages.map(({ content }) => content)).toEqual([
    `The document "a.txt":\n\n${'ä'.repeat(150_000)}`,
    `The document "b.txt" (its end is missing):\n\n${'😀'.repeat(25_000)}`,
    'The document "c.txt" (its end is missing):\n\n',
    'What do they say?',
  ])
})

// What a key cannot read it could have the model repeat.
test('an agent is told of no documents that who runs it may not see', async () => {
  const { workspace, session } = stage
  await uploaded(world, workspace.secret, session, 'a secret text', 'a.txt')
  const permissions = ['sessions:read', 'agents:read', 'agents:run']
  const keyWith = async (more: readonly string[]) => {
    const input = { name: `with ${more}`, permissions: [...permissions, ...more], allSpaces: true }
    return (await seed(world, workspace.secret).key(input)).secret
  }
  const told = async (secret: string) =>
    (await toldIn(stage, secret)).messages.some(({ content }) => content.includes('a secret text'))
  expect(await told(await keyWith([]))).toBe(false)
  expect(await told(await keyWith(['documents:read']))).toBe(true)
})

// The answer may repeat what it was told.
test.each([
  ['with documents gets no answer', true, 'CANCELED'],
  ['without any gets it', false, 'SUCCEEDED'],
])('a key that loses documents:read in a run %s', async (_, hasDocuments, status) => {
  const { workspace, session } = stage
  if (hasDocuments) await uploaded(world, workspace.secret, session, 'a secret text', 'a.txt')
  const reading = ['sessions:read', 'agents:read', 'agents:run']
  const permissions = [...reading, 'documents:read']
  const key = await seed(world, workspace.secret).key({ name: 'k', permissions, allSpaces: true })
  const gate = Promise.withResolvers<void>()
  endpoint.gate = gate.promise
  const asked = endpoint.requests.length
  const input = { sessionId: session, input: 'What do they say?', background: true }
  const { run } = await done(world, key.secret, 'runAgent', 'run { id }', input)
  await endpoint.asked(asked + 1)
  const lost = { id: key.id, permissions: reading }
  await done(world, workspace.secret, 'updateApiKey', '__typename', lost)
  endpoint.gate = undefined
  gate.resolve()
  const row = () => world.deps.prisma.run.findFirstOrThrow({ where: { id: run.id } })
  await expect.poll(async () => (await row()).status, { timeout: 20_000 }).toBe(status)
  expect((await row()).output === null).toBe(hasDocuments)
})
