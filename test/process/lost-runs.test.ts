import { expect, onTestFinished, test } from 'vitest'
import { createChatEndpoint } from '../setup/chat-endpoint.ts'
import { beginRun, newAgent, readRun } from './agents.ts'
import { createFolder, startServer, stop } from './program.ts'

/** What the client of the endpoint would use of the environment, were it let. */
const ofTheMachine = {
  OPENAI_API_KEY: 'key of the machine',
  OPENAI_ADMIN_KEY: 'admin key of the machine',
  OPENAI_BASE_URL: 'http://machine.invalid/v1',
  OPENAI_ORG_ID: 'machine',
  OPENAI_PROJECT_ID: 'machine',
  OPENAI_LOG: 'debug',
  OPENAI_CUSTOM_HEADERS: 'x-asked-by: machine\nauthorization: Bearer machine',
}

async function endpointOf() {
  const endpoint = await createChatEndpoint()
  onTestFinished(() => endpoint.close())
  return endpoint
}

test('a run of a killed server is FAILED at the next start, was asked once, and its session goes on', async () => {
  const endpoint = await endpointOf()
  endpoint.fault = 'never answers'
  const settings = {
    DATA_DIR: await createFolder(),
    AGENT_RUNTIME_URL: endpoint.url,
    AGENT_RUNTIME_MODEL: 'model',
    ...ofTheMachine,
  }
  const first = await startServer(settings)
  const [key = ''] = first.printedKeys
  const agentId = await newAgent(first, key)
  const run = await beginRun(first, key, `agentId: "${agentId}"`)
  await endpoint.asked(1)
  const [asked] = endpoint.requests
  expect(asked?.headers.authorization).toBeUndefined()
  expect(JSON.stringify(asked)).not.toContain('machine')
  first.child.kill('SIGKILL')
  await first.exited

  endpoint.fault = undefined
  const second = await startServer(settings)
  expect(await readRun(second, key, run.id)).toMatchObject({
    status: 'FAILED',
    output: null,
    error: 'The server that ran it stopped before the answer came.',
    finishedAt: expect.any(String),
  })
  expect(endpoint.requests).toHaveLength(1)
  const answered = await second.gql(
    key,
    `mutation { runAgent(input: { sessionId: "${run.session.id}", input: "Again" }) {
      run { status output } errors { message } } }`,
  )
  expect(answered.data.runAgent.run).toEqual({ status: 'SUCCEEDED', output: 'You said: Again' })

  // The run that was lost is no part of what was said.
  expect(endpoint.requests.at(-1)?.body.messages).toEqual([{ role: 'user', content: 'Again' }])

  // What runs as the server is told to stop is finished, as far as there is time.
  endpoint.gate = new Promise((resolve) => setTimeout(resolve, 1_000))
  const waiting = second.gql(
    key,
    `mutation { runAgent(input: { agentId: "${agentId}", input: "Finish" }) { run { output } } }`,
  )
  await endpoint.asked(3)
  expect(await stop(second)).toBe(0)
  expect((await waiting).data.runAgent.run).toEqual({ output: 'You said: Finish' })
  expect(second.output.stderr.split('\n').filter(Boolean).map(messageOf)).toEqual([
    'runs were lost',
    'stopping',
  ])
})

const messageOf = (line: string): string => JSON.parse(line).msg

test('what does not finish before a server stops is FAILED, and whoever waits is told', async () => {
  const endpoint = await endpointOf()
  endpoint.fault = 'stalls'
  const settings = {
    DATA_DIR: await createFolder(),
    AGENT_RUNTIME_URL: endpoint.url,
    AGENT_RUNTIME_MODEL: 'model',
    SHUTDOWN_SECONDS: '3',
  }
  const first = await startServer(settings)
  const [key = ''] = first.printedKeys
  const agentId = await newAgent(first, key)
  const run = await beginRun(first, key, `agentId: "${agentId}"`)
  const waiting = first.gql(
    key,
    `mutation { runAgent(input: { agentId: "${agentId}", input: "Stalls" }) { run { status error } } }`,
  )
  await endpoint.asked(2)
  const since = performance.now()
  expect(await stop(first)).toBe(0)
  expect(performance.now() - since).toBeLessThan(10_000)
  const failed = { status: 'FAILED', error: 'The server was stopped before the answer came.' }
  expect((await waiting).data.runAgent.run).toEqual(failed)
  const second = await startServer(settings)
  expect(await readRun(second, key, run.id)).toMatchObject(failed)
  expect(second.output.stderr).toBe('')
})
