import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { listen } from '../../src/http/node/server.ts'
import { eventually } from '../setup/eventually.ts'
import { exchange, handlerOf, open, serve } from './listening.ts'

const ok = () => Promise.resolve(new Response('ok'))

test('the peer address, the URL and the headers reach the application', async () => {
  const { url } = await serve(async (request, { address }) =>
    Response.json([request.method, request.url, request.headers.get('x-test'), address]),
  )
  const response = await fetch(`${url}/a?b=c`, { headers: { 'x-test': 'yes' } })
  expect(await response.json()).toEqual(['GET', `${url}/a?b=c`, 'yes', '127.0.0.1'])
})

test.each([
  [
    'thrown',
    () => {
      throw new Error('secret detail')
    },
  ],
  ['rejected', () => Promise.reject(new Error('secret detail'))],
])('an error %s becomes a 500 without details, and is logged', async (_, fetchApp) => {
  const { url, logged } = await serve(fetchApp)
  const response = await fetch(url)
  expect(response.status).toBe(500)
  const requestId = response.headers.get('x-request-id')
  expect(await response.json()).toEqual({
    errors: [
      {
        message: 'Internal server error.',
        extensions: { code: 'INTERNAL_SERVER_ERROR', requestId },
      },
    ],
  })
  expect(logged).toEqual([
    [{ err: expect.objectContaining({ message: 'secret detail' }), requestId }, 'request failed'],
  ])
})

test.each([
  ['no HTTP at all', 'hello\r\n\r\n', 400],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['a bad Host', 'GET / HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n', 400],
  ['a bad target', 'GET http://a@x/ HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n', 400],
  ['no target', 'OPTIONS * HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n', 400],
  ['an oversized header', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
])('%s is refused, and the next request served', async (_, text, status) => {
  const { port, url, logged } = await serve(ok)
  expect(await exchange(port, text)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  expect(await (await fetch(url)).text()).toBe('ok')
  expect(logged).toEqual([])
})

test('a client that goes away is not logged as an error', async () => {
  const arrived = vi.fn()
  const { port, logged } = await serve(async (request) => {
    arrived()
    await new Promise((_, reject) => {
      request.signal.addEventListener('abort', () => reject(new Error('gone')))
    })
    return new Response('never')
  })
  const connection = await open(port)
  await connection.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually(() => expect(arrived).toHaveBeenCalled())
  connection.socket.destroy()
  await sleep(100)
  expect(logged).toEqual([])
})

test('a port that is taken is an error of the start', async () => {
  const { port } = await serve(ok)
  const options = {
    host: '127.0.0.1',
    port,
    maxBodyBytes: 1,
    maxUploadBytes: 1,
    logger: { error: () => undefined },
  }
  await expect(listen(handlerOf(ok), options)).rejects.toMatchObject({ code: 'EADDRINUSE' })
})

test('closing lets what runs finish, accepts nothing new, and does not wait for idle clients', async () => {
  const started = vi.fn()
  const isRefused = Promise.withResolvers<void>()
  const { url, port, close } = await serve(async () => {
    started()
    await isRefused.promise
    return new Response('done')
  })
  const idle = await open(port)
  const running = fetch(url)
  await eventually(() => expect(started).toHaveBeenCalled())
  // Longer than the test may take: nothing here is ended by the end of the grace.
  const closed = close(1_000)
  await expect(fetch(url)).rejects.toThrow('fetch failed')
  isRefused.resolve()
  expect(await (await running).text()).toBe('done')
  await closed
  await idle.gone
})

test('closing ends by force what outlasts the grace', async () => {
  const started = vi.fn()
  const { url, close } = await serve(() => {
    started()
    return new Promise(() => undefined)
  })
  const running = fetch(url)
  running.catch(() => undefined)
  await eventually(() => expect(started).toHaveBeenCalled())
  const since = performance.now()
  await Promise.all([close(0.2), close(0.2)])
  expect(performance.now() - since).toBeGreaterThan(190)
  await expect(running).rejects.toThrow('fetch failed')
})

// A server that closes first would make a 502 of what its gateway sends at that moment.
test('a connection between two requests is kept longer than gateways keep it, 60 s', async () => {
  const { port } = await serve(ok)
  const connection = await open(port)
  await connection.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => expect(connection.received()).toMatch(/\r\nKeep-Alive: timeout=65\r\n/i))
})
