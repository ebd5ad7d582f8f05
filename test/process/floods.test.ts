import { expect, onTestFinished, test } from 'vitest'
import { createChatEndpoint, endpointWords, type Flood } from '../setup/chat-endpoint.ts'
import { eventually } from '../setup/eventually.ts'
import { newAgent } from './agents.ts'
import { createFolder, startServer } from './program.ts'
import { collectsGarbage, peakDuring, residentOf } from './resident.ts'

const tooLong = 'The answer is too long.'
const mebibyte = 2 ** 20

/** What each is told, and how much of it is sent at most, in MiB: what is on its way included. */
const floods: [Flood, string, number][] = [
  ['an endless error', 'The agent endpoint refused the request (HTTP 400).', 16],
  ['an endless line', tooLong, 16],
  ['endless lines', tooLong, 16],
  ['endless nesting', tooLong, 16],
  ['endless events', tooLong, 160],
]

// Whoever runs the endpoint, or stands in its place, may want the server to fall.
test('of an endless answer no more is taken than a server can hold, and read in one go', async () => {
  const endpoint = await createChatEndpoint()
  onTestFinished(() => endpoint.close())
  const server = await startServer({
    DATA_DIR: await createFolder(),
    AGENT_RUNTIME_URL: endpoint.url,
    AGENT_RUNTIME_MODEL: 'model',
    ...collectsGarbage,
  })
  const [key = ''] = server.printedKeys
  const agentId = await newAgent(server, key)
  const ask = async () => {
    const input = `{ agentId: "${agentId}", input: "Hello" }`
    const shown = 'run { status output error } errors { message }'
    return await server.gql(key, `mutation { runAgent(input: ${input}) { ${shown} } }`)
  }
  // What a first run loads is not what a flood takes.
  expect((await ask()).data.runAgent.run.status).toBe('SUCCEEDED')
  for (const [kind, error, most] of floods) {
    endpoint.fault = kind
    const before = await residentOf(server)
    const { value, peak } = await peakDuring(server, ask)
    const run = { status: 'FAILED', output: null, error }
    expect(value.data.runAgent, kind).toEqual({ run, errors: [] })
    await eventually(() => expect(endpoint.waiting()).toBe(0))
    console.log(
      `${kind}: ${Math.round(endpoint.taken() / mebibyte)} MiB sent, ${Math.round(peak - before)} MiB more resident`,
    )
    expect(endpoint.taken(), kind).toBeLessThan(most * mebibyte)
    expect(peak - before, kind).toBeLessThan(128)
  }
  const { stdout, stderr } = server.output
  expect(stdout + stderr).not.toContain(endpointWords)
})
