import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import {
  type ChatEndpoint,
  createChatEndpoint,
  endpointSecret,
  endpointWords,
  type Fault,
  usage,
} from '../../setup/chat-endpoint.ts'
import { eventually } from '../../setup/eventually.ts'
import { done, seed } from '../../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../../setup/world.ts'

let world: World
let endpoint: ChatEndpoint
let workspace: TestWorkspace
let agentId: string

beforeAll(async () => {
  endpoint = await createChatEndpoint()
  const { url } = endpoint
  const runtime = { url, key: endpointSecret, model: 'house-model' }
  world = await createWorld({ runtime })
  workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const spaceIds = [await make.space({ name: 'space' })]
  agentId = await make.agent({ name: 'agent', spaceIds, instructions: 'Be brief.' })
})
afterEach(() => {
  endpoint.fault = undefined
  endpoint.usage = usage
  endpoint.text = undefined
})
afterAll(async () => {
  await world.close()
  await endpoint.close()
})

const shown = `run { id status input output error agentVersion inputTokens outputTokens finishedAt
  createdById session { id status createdById } }`

const run = (input: object): Promise<any> =>
  done(world, workspace.secret, 'runAgent', shown, { input: 'Hello', ...input }).then(
    (payload) => payload.run,
  )

test('an answer ends SUCCEEDED with its token counts, in a session of its own', async () => {
  const answered = await run({ agentId })
  expect(answered).toEqual({
    id: expect.stringMatching(/^run_/),
    status: 'SUCCEEDED',
    input: 'Hello',
    output: 'You said: Hello',
    error: null,
    agentVersion: 1,
    inputTokens: 11,
    outputTokens: 7,
    finishedAt: expect.any(String),
    createdById: workspace.ownerId,
    session: {
      id: expect.stringMatching(/^ses_/),
      status: 'ACTIVE',
      createdById: workspace.ownerId,
    },
  })
  const { data } = await world.gql(
    workspace.secret,
    `query ($id: ID!) { run(id: $id) { status output session { runs { nodes { id } } agent { id } } } }`,
    { id: answered.id },
  )
  expect(data.run).toEqual({
    status: 'SUCCEEDED',
    output: 'You said: Hello',
    session: { runs: { nodes: [{ id: answered.id }] }, agent: { id: agentId } },
  })
  expect(endpoint.requests.at(-1)).toEqual({
    path: '/v1/chat/completions',
    headers: {
      host: new URL(endpoint.url).host,
      accept: 'text/event-stream',
      'accept-encoding': 'identity',
      authorization: `Bearer ${endpointSecret}`,
      connection: 'close',
      'content-length': expect.any(String),
      'content-type': 'application/json',
      'user-agent': 'latchkey',
    },
    body: {
      model: 'house-model',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hello' },
      ],
      stream: true,
      stream_options: { include_usage: true },
    },
  })
})

test('an endpoint that tells no usage leaves the counts empty', async () => {
  endpoint.usage = undefined
  expect(await run({ agentId })).toMatchObject({
    status: 'SUCCEEDED',
    inputTokens: null,
    outputTokens: null,
  })
})

test.each([
  [2 ** 31 - 1, 2 ** 31 - 1],
  [0, 0],
  [2 ** 31, null],
  [-1, null],
  [1.5, null],
  ['7', null],
])('of a count %j that an endpoint tells, %j is kept', async (told, kept) => {
  endpoint.usage = { prompt_tokens: told, completion_tokens: 7 }
  expect(await run({ agentId })).toMatchObject({
    status: 'SUCCEEDED',
    inputTokens: kept,
    outputTokens: 7,
  })
})

test('an answer is kept without what no text may hold', async () => {
  endpoint.text = 'nul \0, broken \ud800.'
  expect(await run({ agentId })).toMatchObject({ output: 'nul \ufffd, broken \ufffd.' })
  // Each half comes in an event of its own.
  endpoint.text = '😀'
  expect(await run({ agentId })).toMatchObject({ output: '😀' })
})

// The conversation could not go on with it: an endpoint takes no empty message.
test.each(['', ' \n\t', '\u00a0'])('an answer of %j is none', async (text) => {
  endpoint.text = text
  const none = { status: 'FAILED', output: null, error: 'The agent endpoint gave no answer.' }
  const failed = await run({ agentId })
  expect(failed).toMatchObject(none)
  endpoint.text = undefined
  await run({ sessionId: failed.session.id, input: 'Again' })
  expect(endpoint.requests.at(-1)?.body.messages).toHaveLength(2)
})

test('an answer has a million characters at most', async () => {
  endpoint.text = '漢'.repeat(1_000_000)
  const { status, output } = await run({ agentId })
  expect({ status, length: output.length }).toEqual({ status: 'SUCCEEDED', length: 1_000_000 })
  endpoint.text += '字'
  const tooLong = { status: 'FAILED', output: null, error: 'The answer is too long.' }
  expect(await run({ agentId })).toMatchObject(tooLong)
})

test('an endpoint that leaves its connection open after an answer is not waited for', async () => {
  endpoint.fault = 'stays open'
  expect(await run({ agentId })).toMatchObject({ status: 'SUCCEEDED', inputTokens: 11 })
  await eventually(() => expect(endpoint.waiting()).toBe(0))
})

// The version is what the session began with; what failed was never said.
test('a session goes on with what was said in it, by the agent as it was when it began', async () => {
  const make = seed(world, workspace.secret)
  const spaceIds = [await make.space({ name: 'changing' })]
  const id = await make.agent({ name: 'a', spaceIds, instructions: 'One.', model: 'model-1' })
  const { session } = await run({ agentId: id, input: 'first' })
  const change = { id, instructions: 'Two.', model: 'model-2' }
  await done(world, workspace.secret, 'updateAgent', 'agent { version }', change)
  endpoint.fault = 500
  expect(await run({ sessionId: session.id, input: 'lost' })).toMatchObject({ status: 'FAILED' })
  endpoint.fault = undefined
  const next = await run({ sessionId: session.id, agentId: id, input: 'second' })
  expect(next).toMatchObject({ status: 'SUCCEEDED', agentVersion: 1 })
  expect(endpoint.requests.at(-1)?.body).toMatchObject({
    model: 'model-1',
    messages: [
      { role: 'system', content: 'One.' },
      { role: 'user', content: 'first' },
      { role: 'assistant', content: 'You said: first' },
      { role: 'user', content: 'second' },
    ],
  })
  expect(await run({ agentId: id })).toMatchObject({ agentVersion: 2 })
  expect(endpoint.requests.at(-1)?.body).toMatchObject({
    model: 'model-2',
    messages: [{ content: 'Two.' }, { content: 'Hello' }],
  })
})

const reasons: [Fault, RegExp][] = [
  [401, /^The agent endpoint did not accept the server's credentials\.$/],
  [403, /^The agent endpoint did not accept the server's credentials\.$/],
  [404, /^The agent endpoint does not know the model, or is somewhere else\.$/],
  [400, /^The agent endpoint refused the request \(HTTP 400\)\.$/],
  [421, /^The agent endpoint refused the request \(HTTP 421\)\.$/],
  [429, /^The agent endpoint takes no more requests at the moment\.$/],
  [500, /^The agent endpoint failed \(HTTP 500\)\.$/],
  [503, /^The agent endpoint failed \(HTTP 503\)\.$/],
  ['cut before', /^The agent endpoint could not be reached\.$/],
  ['cut within', /^The answer of the agent endpoint could not be read to its end\.$/],
  ['ends early', /^The answer of the agent endpoint broke off\.$/],
  ['no JSON', /^The answer of the agent endpoint could not be read to its end\.$/],
  ['no stream', /^The answer of the agent endpoint broke off\.$/],
  ['an error within', /^The agent endpoint broke its answer off with an error\.$/],
  ['filters', /^The agent endpoint withheld its answer: a filter of its own\.$/],
  ['refuses', /^The model refused to answer\.$/],
  ['calls a tool', /^The agent endpoint asked for a tool; none is offered\.$/],
  ['calls a function', /^The agent endpoint asked for a tool; none is offered\.$/],
  ['packed', /^The answer of the agent endpoint broke off\.$/],
  ['a redirect', /^The agent endpoint refused the request \(HTTP 307\)\.$/],
  ['another protocol', /^The agent endpoint could not be reached\.$/],
]

// Whatever the endpoint says may quote the question of another tenant, or the server's own key.
test.each(reasons)(
  'an endpoint whose fault is "%s" fails the run, asked no more than once, with a safe reason',
  async (fault, reason) => {
    endpoint.fault = fault
    const before = endpoint.requests.length
    const failed = await run({ agentId, input: 'Fails' })
    expect(failed).toMatchObject({
      status: 'FAILED',
      output: null,
      error: expect.stringMatching(reason),
      inputTokens: null,
      finishedAt: expect.any(String),
    })
    // Without stream_options another time: what was refused for its form was not run.
    expect(endpoint.requests.length).toBe(before + (fault === 400 ? 2 : 1))
    endpoint.fault = undefined
    const again = { sessionId: failed.session.id, input: 'Again' }
    expect(await run(again)).toMatchObject({ status: 'SUCCEEDED' })
    expect(endpoint.requests.at(-1)?.body.messages).toHaveLength(2)
    expect(world.logs.join()).not.toContain(endpointSecret)
    expect(world.logs.join()).not.toContain(endpointWords)
  },
)
