import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createFolder, type RunningServer, startServer, stop } from './program.ts'
import { longestTurnIn, peakDuring, residentOf, tellsLongestTurn } from './resident.ts'

const mebibyte = 1_048_576
/** Of each kind of request. */
const connections = 200
const shutdownSeconds = 3

async function send(server: RunningServer, secret: string, query: string, variables: object) {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors }: any = await response.json()
  expect(errors).toBeUndefined()
  return data
}

/** 30 agents with instructions as long as may be, and the id of a document of 8 MiB. */
async function fill(server: RunningServer, secret: string): Promise<string> {
  const { createSpace } = await send(
    server,
    secret,
    'mutation { createSpace(input: { name: "space" }) { space { id } } }',
    {},
  )
  const agents = Array.from(
    { length: 30 },
    (_, index) =>
      `a${index}: createAgent(input: { name: "${index}", spaceIds: [$space], instructions: $text }) { agent { id } }`,
  )
  const variables = { space: createSpace.space.id, text: 'x'.repeat(32_768) }
  const query = `mutation ($space: ID!, $text: String!) { ${agents.join(' ')} }`
  const { a0 } = await send(server, secret, query, variables)
  const { createSession } = await send(
    server,
    secret,
    'mutation ($id: ID!) { createSession(input: { agentId: $id }) { session { id } } }',
    { id: a0.agent.id },
  )
  const form = new FormData()
  const upload = `mutation ($id: ID!, $file: File!) {
    uploadDocument(input: { sessionId: $id, file: $file }) { document { id } errors { message } } }`
  const given = { id: createSession.session.id, file: null }
  form.set('operations', JSON.stringify({ query: upload, variables: given }))
  form.set('map', JSON.stringify({ file: ['variables.file'] }))
  form.set('file', new File(['x'.repeat(8 * mebibyte)], 'long.txt'))
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}` },
    body: form,
  })
  const { data }: any = await response.json()
  return data.uploadDocument.document.id
}

/** Connections that each send this, and read nothing. */
async function openUnread({ url }: RunningServer, request: string): Promise<Socket[]> {
  const { hostname, port } = new URL(url)
  const sockets = Array.from({ length: connections }, () => {
    const socket = connect({ host: hostname, port: Number(port) })
    socket.on('error', () => undefined).pause()
    socket.write(request)
    return socket
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  return sockets
}

/** How long somebody waits for a small answer, in milliseconds. */
async function waited(server: RunningServer, secret: string): Promise<number> {
  const since = performance.now()
  const { status } = await server.gql(secret, '{ viewer { kind } spaces { nodes { id } } }')
  expect(status).toBe(200)
  return performance.now() - since
}

const aliases = (field: string): string =>
  [1, 2, 3, 4, 5, 6, 7, 8].map((index) => `a${index}: ${field}`).join(' ')

const large = `{ ${aliases('agents(first: 30) { nodes { instructions } }')} }`
const schema = '{ __schema { types { name description fields { name description } } } }'
const graphql = (query: string): string => `/graphql?query=${encodeURIComponent(query)}`

test('hundreds of answers that nobody reads take little memory, and nobody waits for them', {
  timeout: 300_000,
}, async () => {
  const settings = {
    LOG_LEVEL: 'fatal',
    SHUTDOWN_SECONDS: `${shutdownSeconds}`,
    ...tellsLongestTurn,
  }
  const server = await startServer({ ...settings, DATA_DIR: await createFolder() })
  const [key = ''] = server.printedKeys
  const document = await fill(server, key)
  const { createApiKey } = await send(
    server,
    key,
    'mutation { createApiKey(input: { name: "other", permissions: ["*"], allSpaces: true }) { secret } }',
    {},
  )
  const other = createApiKey.secret
  server.child.kill('SIGUSR2')
  const get = (path: string, ...headers: string[]): string =>
    [`GET ${path} HTTP/1.1`, 'Host: a', `X-API-Key: ${key}`, ...headers, '', ''].join('\r\n')
  const requests = {
    pages: get('/graphql', 'Accept: text/html'),
    'long answers': get(graphql(large)),
    downloads: get(`/documents/${document}`),
    'schemas sent ahead': get(graphql(schema)).repeat(10),
    'OAuth answers sent ahead': get('/.well-known/oauth-authorization-server').repeat(1_000),
    'small answers sent ahead': get(graphql('{ viewer { kind } }')).repeat(1_000),
  }
  for (const [kind, request] of Object.entries(requests)) {
    await waited(server, other)
    const before = await residentOf(server)
    const { value, peak } = await peakDuring(server, async () => {
      await openUnread(server, request)
      const until = performance.now() + 2_000
      let longest = 0
      while (performance.now() < until) {
        longest = Math.max(longest, await waited(server, other))
        await sleep(50)
      }
      return longest
    })
    const growth = Math.round(peak - before)
    console.log(
      `${connections} ${kind}: ${growth} MiB more resident; others wait up to ${Math.round(value)} ms`,
    )
    expect(growth, kind).toBeLessThan(150)
  }
  await openUnread(server, requests.pages)
  const since = performance.now()
  expect(await stop(server)).toBe(0)
  expect(longestTurnIn(server)).toBeLessThan(250)
  // A busy machine takes its time to end a process.
  expect(performance.now() - since).toBeLessThan((shutdownSeconds + 5) * 1_000)
})
