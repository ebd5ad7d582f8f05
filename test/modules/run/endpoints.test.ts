import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import type { RuntimeSettings } from '../../../src/runtime/runtime.ts'
import { done, seed } from '../../setup/seed.ts'
import { createWorld } from '../../setup/world.ts'

interface Asked {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: any
}

const event = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`
const delta = (content: unknown, finish: string | null = null): string =>
  event({ choices: [{ index: 0, delta: { content }, finish_reason: finish }] })

const stream = (res: ServerResponse, ...parts: readonly string[]): void => {
  res.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const part of parts) res.write(part)
  res.end()
}

/** Runs an agent with instructions once, on an endpoint that answers so. */
async function run(
  answer: (res: ServerResponse, asked: Asked) => void,
  settings: (url: string) => Partial<RuntimeSettings> = (url) => ({ url }),
) {
  const asked: Asked[] = []
  const server = createServer(async (req, res) => {
    const question = { path: req.url ?? '', headers: req.headers, body: await json(req) }
    asked.push(question)
    answer(res, question)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const world = await createWorld({ runtime: { model: 'house-model', ...settings(url) } })
  onTestFinished(async () => {
    await world.close()
    server.closeAllConnections()
    await once(server.close(), 'close')
  })
  const { secret } = await world.createWorkspace()
  const make = seed(world, secret)
  const spaceIds = [await make.space({ name: 'space' })]
  const agentId = await make.agent({ name: 'agent', spaceIds, instructions: 'Be brief.' })
  const shown = 'run { status output error inputTokens outputTokens }'
  const payload = await done(world, secret, 'runAgent', shown, { agentId, input: 'Hello' })
  return { run: payload.run, asked, world }
}

const succeeded = (output: string) => ({ status: 'SUCCEEDED', output, error: null })
const rolesOf = ({ body }: Asked): string[] => body.messages.map(({ role }: any) => role)

const streams: readonly [what: string, parts: readonly string[], output: string][] = [
  ['no reason for its end before [DONE]', [delta('Hel'), delta('lo'), 'data: [DONE]\n\n'], 'Hello'],
  ['[DONE] without a blank', [delta('Hello'), 'data:[DONE]\n\n'], 'Hello'],
  ['[DONE] in two pieces', [delta('Hello'), 'data: [DO', 'NE]\n\n'], 'Hello'],
  ['a reason and no [DONE]', [delta('Hello'), delta('', 'stop')], 'Hello'],
  [
    'content in parts',
    [
      delta([
        { type: 'text', text: 'Hel' },
        { type: 'text', text: 'lo' },
      ]),
      delta([], 'stop'),
    ],
    'Hello',
  ],
  [
    'parts of thinking beside the text',
    [
      delta([
        { type: 'thinking', thinking: [] },
        { type: 'text', text: 'Hello' },
      ]),
      delta('', 'stop'),
    ],
    'Hello',
  ],
  ['events divided by CRLF', [delta('Hello', 'stop').replaceAll('\n', '\r\n')], 'Hello'],
  ['comments to stay awake', [': ping\n\n', delta('Hello', 'stop')], 'Hello'],
]

test.each(streams)('runAgent: a stream with %s is an answer', async (_, parts, output) => {
  const { run: answered } = await run((res) => stream(res, ...parts))
  expect(answered).toMatchObject(succeeded(output))
})

test.each([
  ['without a reason and without [DONE]', [delta('Hel')]],
  ['with [DONE] in its text alone', [delta('data: [DONE]')]],
])('runAgent: a stream %s has broken off', async (_, parts) => {
  const { run: failed } = await run((res) => stream(res, ...parts))
  expect(failed).toMatchObject({
    status: 'FAILED',
    output: null,
    error: 'The answer of the agent endpoint broke off.',
  })
})

const whole = {
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 1 },
}

test('runAgent: plain JSON in the place of a stream is an answer, with its counts', async () => {
  const { run: answered } = await run((res) => {
    res.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
    res.end(JSON.stringify(whole))
  })
  expect(answered).toEqual({ ...succeeded('Hello'), inputTokens: 3, outputTokens: 1 })
})

test.each([
  ['an error', '{"error":{"message":"internal words"}}'],
  ['nothing to read', '{}'],
  ['half of it', '{"choices":'],
])('runAgent: JSON with %s fails the run, without a word of it', async (_, body) => {
  const { run: failed, world } = await run((res) => {
    res.writeHead(200, { 'content-type': 'application/json' }).end(body)
  })
  expect(failed).toMatchObject({ status: 'FAILED', output: null })
  expect(failed.error).toMatch(/^The a/)
  expect(world.logs.join() + failed.error).not.toContain('internal words')
})

const refuse = (res: ServerResponse, status = 400): void => void res.writeHead(status).end('{}')

test.each([400, 422])(
  'runAgent: who refuses stream_options (%i) is asked without',
  async (status) => {
    const { run: answered, asked } = await run((res, { body }) =>
      body.stream_options ? refuse(res, status) : stream(res, delta('Hello', 'stop')),
    )
    expect(answered).toEqual({ ...succeeded('Hello'), inputTokens: null, outputTokens: null })
    expect(asked.map(rolesOf)).toEqual([
      ['system', 'user'],
      ['system', 'user'],
    ])
  },
)

test('runAgent: a model without system messages has the instructions before the question', async () => {
  const { run: answered, asked } = await run((res, question) =>
    rolesOf(question).includes('system') ? refuse(res) : stream(res, delta('Hello', 'stop')),
  )
  expect(answered).toMatchObject(succeeded('Hello'))
  expect(asked.at(-1)?.body.messages).toEqual([{ role: 'user', content: 'Be brief.\n\nHello' }])
})

test.each([401, 404, 429, 500, 503])('runAgent: HTTP %i is asked once', async (status) => {
  const { run: failed, asked } = await run((res) => refuse(res, status))
  expect(failed.status).toBe('FAILED')
  expect(asked).toHaveLength(1)
})

// As Azure has it.
test('runAgent: a query of the address and further headers are sent', async () => {
  const { run: answered, asked } = await run(
    (res) => stream(res, delta('Hello', 'stop')),
    (url) => ({
      url: `${url}/openai/deployments/d?api-version=2024-02-01`,
      headers: { 'api-key': 'secret of the deployment' },
    }),
  )
  expect(answered).toMatchObject(succeeded('Hello'))
  expect(asked[0]).toMatchObject({
    path: '/openai/deployments/d/chat/completions?api-version=2024-02-01',
    headers: { 'api-key': 'secret of the deployment' },
  })
  expect(asked[0]?.headers.authorization).toBeUndefined()
})
