import { expect, test } from 'vitest'
import type { RequestState } from '../../src/http/server-context.ts'
import { answerLimits } from '../../src/limits/answer-budget.ts'
import { memoryLimits, ServerMemory } from '../../src/limits/request-memory.ts'
import { ask } from '../process/program.ts'
import { eventually } from '../setup/eventually.ts'
import { seed } from '../setup/seed.ts'
import { useWorld, world } from '../setup/use-world.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { open, serve, serveHandler } from './listening.ts'

useWorld()

/** A workspace with 30 agents whose instructions are as long as may be. */
async function createFilled(): Promise<TestWorkspace & { readonly space: string }> {
  const workspace = await world.createWorkspace()
  const space = await seed(world, workspace.secret).space({ name: 'space' })
  const names = Array.from({ length: 30 }, (_, index) => `a${index}`)
  const input = (name: string) => `{ name: "${name}", spaceIds: [$space], instructions: $text }`
  const fields = names.map(
    (name) => `${name}: createAgent(input: ${input(name)}) { errors { code } }`,
  )
  const variables = { space, text: 'x'.repeat(32_768) }
  const query = `mutation ($space: ID!, $text: String!) { ${fields.join(' ')} }`
  expect((await world.gql(workspace.secret, query, variables)).errors).toEqual([])
  return { ...workspace, space }
}

/** Close to seven mebibytes. */
const longFields = [1, 2, 3, 4, 5, 6, 7]
  .map((index) => `a${index}: agents(first: 30) { nodes { instructions } }`)
  .join(' ')
const large = `{ ${longFields} }`

/** Serves the world; a client that reads nothing of an answer gets its status from the test. */
async function serveWorld() {
  const responses: Response[] = []
  const { port, url } = await serve(async (request, peer) => {
    const response = await world.app.fetch(request, peer)
    responses.push(response)
    return response
  })
  const send = async (secret: string, query: string) => {
    const count = responses.length
    const connection = await open(port)
    connection.socket.pause()
    await connection.write(
      `GET /graphql?query=${encodeURIComponent(query)} HTTP/1.1\r\nHost: test\r\nX-API-Key: ${secret}\r\n\r\n`,
    )
    await eventually(() => expect(responses).toHaveLength(count + 1))
    return { ...connection, status: responses[count]?.status }
  }
  return { send, url }
}

test('what a workspace leaves unread is bounded', async () => {
  const { send, url } = await serveWorld()
  const [workspace, other] = [await createFilled(), await createFilled()]
  const fit = Math.floor(memoryLimits.ofServer / 3 / 7_000_000)
  const unread: Awaited<ReturnType<typeof send>>[] = []
  for (let count = 0; count < fit; count += 1) unread.push(await send(workspace.secret, large))
  expect(unread.map(({ status }) => status)).toEqual(unread.map(() => 200))

  const refused = await send(workspace.secret, large)
  refused.socket.resume()
  // It is not waited for its client to read it.
  await refused.gone
  expect(refused.received()).toMatch(
    /^HTTP\/1\.1 429 .+retry-after: 5\r\n.+"code":"RATE_LIMITED"/is,
  )
  expect(refused.received().length).toBeLessThan(2_000)

  const small = '{ agents(first: 1) { nodes { instructions } } }'
  expect((await send(workspace.secret, small)).status).toBe(200)
  expect((await send(other.secret, large)).status).toBe(200)

  // The answer says what a mutation has done.
  const made = await ask(
    url,
    workspace.secret,
    `mutation { updateSpace(input: { id: "${workspace.space}", description: "new" }) {
        space { description ...S } errors { code } }
      createApiKey(input: { name: "made" }) { secret } } fragment S on Space { ${longFields} }`,
  )
  expect(made.data.createApiKey.secret).toMatch(/^lk_/)
  expect(made.data.updateSpace).toMatchObject({ space: { description: 'new' }, errors: [] })
  const codes = made.errors.map(({ extensions }: any) => extensions.code)
  expect(new Set(codes)).toEqual(new Set(['RATE_LIMITED']))

  unread[0]?.socket.resume()
  unread[1]?.socket.destroy()
  await eventually(() => expect(unread[0]?.received().length).toBeGreaterThan(6_800_000))
  for (let count = 0; count < 2; count += 1)
    await eventually(async () => expect((await send(workspace.secret, large)).status).toBe(200))
})

test('callers who take what they can leave room for an answer, and what is small passes', () => {
  const all = new ServerMemory()
  const begin = (caller: string) => {
    const answer = all.begin()
    answer.assignTo(caller)
    return answer
  }
  const takeAll = (caller: string): number => {
    const answer = begin(caller)
    let taken = 0
    while (answer.reserve(taken + memoryLimits.free) === undefined) taken += memoryLimits.free
    return taken
  }
  expect(takeAll('first')).toBe(memoryLimits.ofServer / 3)
  for (const other of ['second', 'third', 'fourth'])
    expect(takeAll(other)).toBeGreaterThanOrEqual(answerLimits.bytes)
  for (let count = 0; count < 30; count += 1) takeAll(`${count}`)

  const late = begin('late')
  expect(late.reserve(memoryLimits.free)).toBeUndefined()
  expect(late.reserve(memoryLimits.free + 1)).toMatchObject({ code: 'SERVICE_UNAVAILABLE' })
  expect(late.isRefused).toBe(true)
  late.set(0)
  expect(begin('first').reserve(memoryLimits.free + 1)).toMatchObject({ code: 'RATE_LIMITED' })
})

test('what an operation has read is let go of with its answer, and what it cost is still told', async () => {
  const states: RequestState[] = []
  const ended = (state: RequestState) => void states.push(state)
  const { url } = await serveHandler(world.app.handle, { ended })
  const { secret } = await world.createWorkspace()
  await ask(url, secret, '{ viewer { kind } }')
  await eventually(() => expect(states).toMatchObject([{ charged: { cost: 1 } }]))
  expect(states[0]?.context).toBeUndefined()
})
