import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createChatEndpoint } from '../setup/chat-endpoint.ts'
import { startIssuer } from '../setup/issuer.ts'
import { startS3Service } from '../setup/s3-service.ts'
import { newAgent } from './agents.ts'
import { ask, createFolder, startServer, stop } from './program.ts'

/** A proxy that reaches every host on this machine, and notes which were asked for. */
async function startProxy() {
  const hosts: string[] = []
  const server = createServer((req, res) => {
    const { host, port, pathname, search } = new URL(req.url ?? '')
    hosts.push(host)
    const { method, headers } = req
    const target = { host: '127.0.0.1', port, path: pathname + search, method, headers }
    req.pipe(
      request(target, (answer) => {
        res.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(res)
      }),
    )
  })
  server.on('connect', (req, socket) => {
    const host = req.url ?? ''
    hosts.push(host)
    const target = connect(Number(host.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      target.pipe(socket).pipe(target)
    })
    target.on('error', () => socket.destroy())
    socket.on('error', () => target.destroy())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    await once(server.close(), 'close')
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, hosts }
}

/** By a name that no name server knows. */
const unknownHost = (url: string, name: string): string => url.replace('127.0.0.1', name)

test('outgoing requests go through HTTP_PROXY, those to this machine do not', async () => {
  const proxy = await startProxy()
  const chat = await createChatEndpoint()
  const issuer = await startIssuer()
  const bucket = await startS3Service()
  onTestFinished(async () => {
    await chat.close()
    await issuer.close()
    await bucket.close()
  })
  const { bucket: name, endpoint = '' } = bucket.location()
  const server = await startServer({
    DATA_DIR: await createFolder(),
    HTTP_PROXY: proxy.url,
    AGENT_RUNTIME_URL: unknownHost(chat.url, 'models.invalid'),
    AGENT_RUNTIME_MODEL: 'model',
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: issuer.audience,
    DOCUMENTS_URL: `s3://${name}?region=x&endpoint=${encodeURIComponent(unknownHost(endpoint, 'bucket.invalid'))}`,
    AWS_ACCESS_KEY_ID: 'test-id',
    AWS_SECRET_ACCESS_KEY: 'test-secret',
  })
  const [key = ''] = server.printedKeys
  const agentId = await newAgent(server, key)
  const run = `mutation { runAgent(input: { agentId: "${agentId}", input: "Hello" }) {
    run { status output session { id } } errors { message } } }`
  const { data } = await server.gql(key, run)
  expect(data.runAgent.run).toMatchObject({ status: 'SUCCEEDED', output: 'You said: Hello' })
  expect(proxy.hosts).toEqual([new URL(unknownHost(chat.url, 'models.invalid')).host])

  const token = await issuer.token({ sub: 'ada', email: 'ada@example.com', email_verified: true })
  const { errors } = await ask(server.url, token, '{ viewer { kind } }')
  expect(errors[0].extensions.reason).toBe('UNKNOWN')
  expect(proxy.hosts).toHaveLength(1)

  const form = new FormData()
  const upload = `mutation ($file: File!) { uploadDocument(input: {
    sessionId: "${data.runAgent.run.session.id}", file: $file }) { document { id } errors { message } } }`
  form.append('operations', JSON.stringify({ query: upload, variables: { file: null } }))
  form.append('map', JSON.stringify({ 0: ['variables.file'] }))
  form.append('0', new File(['hello'], 'a.txt', { type: 'text/plain' }))
  const headers = { authorization: `Bearer ${key}` }
  const answer = await fetch(`${server.url}/graphql`, { method: 'POST', headers, body: form })
  expect((await answer.json()).data.uploadDocument.errors).toEqual([])
  expect(proxy.hosts.at(-1)).toMatch(/^bucket\.invalid:\d+$/)
  expect(bucket.objects.size).toBe(1)
  expect(await stop(server)).toBe(0)
})
