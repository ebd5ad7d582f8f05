import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ChatEndpoint, createChatEndpoint } from '../../setup/chat-endpoint.ts'
import { eventually } from '../../setup/eventually.ts'
import { done, seed } from '../../setup/seed.ts'
import { beforeSoon, untilPast } from '../../setup/soon.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { createSignInWorld, type SignInWorld, whoIs } from '../../sign-in/sign-in-world.ts'

let endpoint: ChatEndpoint
let signIn: SignInWorld
let workspace: TestWorkspace
let agentId: string

beforeAll(async () => {
  endpoint = await createChatEndpoint()
  signIn = await createSignInWorld({ runtime: { url: endpoint.url, model: 'model' } })
  workspace = await signIn.world.createWorkspace()
  const make = seed(signIn.world, workspace.secret)
  agentId = await make.agent({ name: 'agent', spaceIds: [await make.space({ name: 'space' })] })
})
afterAll(async () => {
  await signIn.close()
  await endpoint.close()
})

/** Begins a run in the background, whose answer is kept back; undefined: the sign-in had ended. */
async function begin(token: string): Promise<string | undefined> {
  const input = `{ agentId: "${agentId}", input: "Hello", background: true }`
  const mutation = `mutation { runAgent(input: ${input}) { run { id } } }`
  const { data, errors } = await signIn.world.gql(token, mutation)
  if (errors[0]?.extensions.reason === 'EXPIRED') return undefined
  return data.runAgent.run.id
}

/** The run as it ended, once its answer was let come. */
async function answered(id: string, release: () => void) {
  release()
  const where = { id, status: { not: 'RUNNING' } } as const
  const { prisma } = signIn.world.deps
  const { status, output, error } = await eventually(() => prisma.run.findFirstOrThrow({ where }))
  return { status, output, error }
}

function holdAnswers(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  endpoint.gate = promise
  return resolve
}

const canceled = {
  status: 'CANCELED',
  output: null,
  error: 'The access by which it was begun ended before the answer came.',
}

test('a run that a person began has its answer', async () => {
  await signIn.invite(workspace, 'patient', 'ADMIN')
  const release = holdAnswers()
  const id = await begin(await signIn.person('patient'))
  expect(await answered(id ?? '', release)).toMatchObject({ status: 'SUCCEEDED' })
})

test('a run is CANCELED whose sign-in ends before the answer comes', async () => {
  await signIn.invite(workspace, 'brief', 'ADMIN')
  expect(await whoIs(signIn.world, await signIn.person('brief'))).toMatchObject({ role: 'ADMIN' })
  const ended = await beforeSoon(async (soon) => {
    // A JWT ends with a whole second, and 30 s of leeway.
    const end = Math.ceil(soon.getTime() / 1_000)
    const release = holdAnswers()
    const id = await begin(await signIn.person('brief', { exp: end - 30 }))
    if (id === undefined) return undefined
    await untilPast(new Date(end * 1_000))
    return await answered(id, release)
  })
  expect(ended).toEqual(canceled)
})

test('so is one of a person who is removed meanwhile', async () => {
  const memberId = await signIn.invite(workspace, 'removed', 'ADMIN')
  const release = holdAnswers()
  const id = await begin(await signIn.person('removed'))
  const { world } = signIn
  await done(world, workspace.secret, 'removeMember', 'member { id }', { id: memberId })
  expect(await answered(id ?? '', release)).toEqual(canceled)
})
