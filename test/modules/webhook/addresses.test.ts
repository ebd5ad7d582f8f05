import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createPost } from '../../../src/modules/webhook/post.ts'
import { startReceiver } from '../../setup/webhook-receiver.ts'
import { createWebhookWorld, deliverAll } from './webhook-world.ts'

const notPublic = 'The host has an address that is not public.'

// The addresses of a name are known only when it is sent, and may be others each time.
test.each([
  ['a private address', ['10.0.0.1']],
  ['this machine', ['127.0.0.1']],
  ['a public address and a private one', ['93.184.215.14', '192.168.0.1']],
  ['an IPv4 address as IPv6', ['::ffff:127.0.0.1']],
  ['a link-local address', ['fe80::1']],
  ['a unique local address', ['fd00:ec2::254']],
  ['a translated private address', ['64:ff9b::7f00:1']],
  ['the service of a cloud', ['169.254.169.254']],
])('nothing is sent to a name that leads to %s', async (_, addresses) => {
  const asked: string[] = []
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  const resolve = (hostname: string) => {
    asked.push(hostname)
    return Promise.resolve(found)
  }
  const hooks = await createWebhookWorld({ webhooks: { allowPrivate: false, resolve } })
  onTestFinished(hooks.close)
  const receiver = await startReceiver()
  onTestFinished(receiver.close)
  const url = receiver.url.replace('http://127.0.0.1', 'https://hooks.example.com')
  const { endpoint } = await hooks.mutate('createWebhookEndpoint', 'endpoint { id }', { url })
  const { id } = await hooks.make.key({ name: 'key' })
  await hooks.mutate('revokeApiKey', 'revokedCount', { id })
  await deliverAll(hooks.world.deps)
  expect(asked).toEqual(['hooks.example.com'])
  expect(receiver.requests).toBe(0)
  expect(await hooks.deliveries(endpoint.id)).toMatchObject([
    { status: 'PENDING', lastStatus: null, lastError: notPublic },
  ])
})

const message = (url: string) => ({ url, headers: {}, body: '{}' })
const { signal } = new AbortController()

test('a connection goes to the address that was checked, and a name is asked for once', async () => {
  const receiver = await startReceiver()
  onTestFinished(receiver.close)
  let asked = 0
  const resolve = () => {
    asked += 1
    return Promise.resolve([{ address: '127.0.0.1', family: 4 }])
  }
  const post = createPost({ allowPrivate: true, resolve, timeoutMs: 2_000 })
  const url = receiver.url.replace('127.0.0.1', 'hooks.invalid')
  await post(message(url), signal)
  expect({ asked, requests: receiver.requests }).toEqual({ asked: 1, requests: 1 })
})

test('what was allowed once is refused once it is not any more', async () => {
  const resolve = () => Promise.reject(new Error('nothing is looked up'))
  const post = createPost({ allowPrivate: false, resolve })
  for (const [url, error] of [
    ['http://hooks.example.com/', 'The URL is not https.'],
    ['https://127.0.0.1/', notPublic],
    ['https://0x7f.1/', notPublic],
    ['https://[::ffff:10.0.0.1]/', notPublic],
  ] as const)
    expect(await post(message(url), signal)).toEqual({ status: null, error })
})

test('through a proxy it is the proxy that looks names up, and addresses in the URL are checked all the same', async () => {
  const asked: string[] = []
  const proxy = createServer()
  proxy.on('connect', ({ url = '' }, socket) => {
    asked.push(url)
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(async () => {
    await once(proxy.close(), 'close')
  })
  const { port } = proxy.address() as AddressInfo
  const resolve = () => Promise.resolve([{ address: '10.0.0.1', family: 4 }])
  const proxied = { HTTPS_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: 'direct.example.com' }
  const post = createPost({ allowPrivate: false, proxy: proxied, resolve })
  const { error } = await post(message('https://hooks.example.com/'), signal)
  expect(error).toBe('The endpoint could not be reached (ERR_PROXY_TUNNEL).')
  expect(await post(message('https://10.0.0.1/'), signal)).toEqual({
    status: null,
    error: notPublic,
  })
  const direct = await post(message('https://direct.example.com/'), signal)
  expect(direct).toEqual({ status: null, error: notPublic })
  expect(asked).toEqual(['hooks.example.com:443'])
})

test('by the name servers of the machine, its own name is refused or not known', async () => {
  const post = createPost({ allowPrivate: false })
  for (const host of ['localhost', 'localhost.', 'LOCALHOST', 'no-such-host.invalid']) {
    const { status, error } = await post(message(`https://${host}/`), signal)
    expect(status).toBeNull()
    expect(error).toMatch(/not public|could not be reached/)
  }
})

test('a proxy that does not answer is waited for no longer than any other, and let go', async () => {
  const proxy = createServer()
  const ended = new Promise((resolve) => {
    proxy.on('connect', (_request, socket) =>
      socket.on('end', resolve).on('error', resolve).resume(),
    )
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void proxy.close())
  const { port } = proxy.address() as AddressInfo
  const HTTPS_PROXY = `http://127.0.0.1:${port}`
  const post = createPost({ allowPrivate: false, proxy: { HTTPS_PROXY }, timeoutMs: 200 })
  const { error } = await post(message('https://hooks.example.com/'), signal)
  expect(error).toMatch(/no answer within 0.2 s|could not be reached/)
  await ended
  const patient = createPost({ allowPrivate: false, proxy: { HTTPS_PROXY } })
  const giveUp = AbortSignal.timeout(100)
  expect(await patient(message('https://hooks.example.com/'), giveUp)).toMatchObject({
    status: null,
  })
})

test('a name without an address fails alone', async () => {
  // What name servers answer of an alias of a name that has none.
  const post = createPost({ allowPrivate: false, resolve: () => Promise.resolve([]) })
  const error = 'The host has no address.'
  expect(await post(message('https://hooks.example.com/'), signal)).toEqual({ status: null, error })
})
