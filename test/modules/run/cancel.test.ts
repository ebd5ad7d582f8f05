import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { eventually } from '../../setup/eventually.ts'
import { outcome } from '../../setup/outcome.ts'
import { done } from '../../setup/seed.ts'
import { mint } from '../access-token/ask.ts'
import { createRunWorld, type RunWorld } from './run-world.ts'

let it: RunWorld
let release: () => void

beforeAll(async () => {
  it = await createRunWorld()
})
afterAll(() => it.close())
beforeEach(() => {
  release = it.holdAnswers()
})
afterEach(() => release())

const question = 'A secret question'
const running = ['agents:read', 'agents:run']
const absent = ['NOT_FOUND input.id']

const cancel = (secret: string, id: string) => outcome(it.world, secret, 'cancelRun', { id })
const asOwner = (mutation: string, input: object) =>
  done(it.world, it.workspace.secret, mutation, '__typename', { ...input })

// Its payload shows what was asked.
test('a token that reads no sessions cancels what it began itself, and nothing of its key or of another token', async () => {
  const permissions = [...running, 'sessions:read']
  const key = await it.make.key({ name: 'key of tokens', permissions, allSpaces: true })
  const strong = await mint(it.world, key.secret)
  const weak = await mint(it.world, key.secret, { permissions: running })
  const input = { agentId: it.agentInA, input: question }
  const ofOthers = [await it.begin(input, strong.token), await it.begin(input, key.secret)]
  for (const { id } of ofOthers) expect(await cancel(weak.token, id)).toEqual(absent)
  const { id } = await it.begin(input, weak.token)
  expect(await cancel(weak.token, id)).toEqual(['done'])
  // Whoever sees a run cancels it.
  for (const run of ofOthers) expect(await cancel(strong.token, run.id)).toEqual(['done'])
})

test('a key that reads no sessions cancels nothing of the tokens made with it', async () => {
  const key = await it.make.key({ name: 'key alone', permissions: running, allSpaces: true })
  const { token } = await mint(it.world, key.secret)
  const { id } = await it.begin({ agentId: it.agentInA }, token)
  expect(await cancel(key.secret, id)).toEqual(absent)
})

test('a key that was given to a machine user cancels nothing of who had it', async () => {
  const spaces = [{ spaceId: it.spaces.a }]
  const key = await it.make.key({ name: 'given', permissions: running, spaces })
  const robot = await it.make.machine({
    name: 'robot',
    role: 'BUILDER',
    spaceIds: [it.spaces.a],
  })
  const { id } = await it.begin({ agentId: it.agentInA, input: question }, key.secret)
  const { secret } = await done(it.world, it.workspace.secret, 'transferApiKey', 'secret', {
    id: key.id,
    ownerId: robot.userId,
  })
  expect(await cancel(secret, id)).toEqual(absent)
})

// As with everything: what is out of sight is absent, what is seen only is forbidden.
test('a key does not cancel its own run where it lost a space of the agent, or agents:run in one', async () => {
  const both = [{ spaceId: it.spaces.a }, { spaceId: it.spaces.b }]
  const key = await it.make.key({ name: 'narrowed', permissions: running, spaces: both })
  const { id } = await it.begin({ agentId: it.agentInBoth }, key.secret)
  const narrowed = { spaceId: it.spaces.b, permissions: ['agents:read'] }
  await asOwner('updateApiKey', { id: key.id, spaces: [{ spaceId: it.spaces.a }, narrowed] })
  expect(await cancel(key.secret, id)).toEqual(['FORBIDDEN agents:run'])
  await asOwner('updateApiKey', { id: key.id, spaces: [{ spaceId: it.spaces.a }] })
  expect(await cancel(key.secret, id)).toEqual(absent)
  expect(await it.read(id)).toMatchObject({ status: 'RUNNING' })
})

// The reason is that somebody canceled it, and nobody ends it twice.
test('a run that was canceled stays as it is where its key is revoked besides', async () => {
  const key = await it.make.key({ name: 'revoked', permissions: running, allSpaces: true })
  const { id } = await it.begin({ agentId: it.agentInA }, key.secret)
  await asOwner('revokeApiKey', { id: key.id })
  expect(await cancel(it.workspace.secret, id)).toEqual(['done'])
  await eventually(() => expect(it.world.deps.runtime.underWay.ids()).not.toContain(id))
  expect(await it.read(id)).toMatchObject({ status: 'CANCELED', error: null })
  const events = await it.world.deps.prisma.auditEvent.findMany({ where: { targetId: id } })
  expect(events.map(({ action }) => action).sort()).toEqual(['run.canceled', 'run.started'])
})
