import { setTimeout as sleep } from 'node:timers/promises'
import { Response as QuickResponse } from '@whatwg-node/server'
import { expect, onTestFinished, test, vi } from 'vitest'

import { eventually } from '../setup/eventually.ts'
import { type Fetch, open, serve } from './listening.ts'

const writeTimeoutMs = 500

/** More than what a system takes of an answer before the client reads any of it. */
const large = 32_000_000
const text = 'x'.repeat(large)
const bytes = Buffer.alloc(large, 'x')

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: latchkey.test\r\n\r\n`

/** Serves these answers, and tells when the connection of one has ended before the answer has. */
async function serveUnread(answer: Fetch) {
  const cut = Promise.withResolvers<void>()
  const fetch = vi.fn(async (request: Request) => {
    request.signal.addEventListener('abort', () => cut.resolve())
    return await answer(request, {})
  })
  return { ...(await serve(fetch, { writeTimeoutMs })), fetch, cut: cut.promise }
}

/** A connection whose client sends, and reads nothing. */
async function openUnread(port: number) {
  const connection = await open(port)
  connection.socket.pause()
  return connection
}

const streamOf = (length: number): ReadableStream => {
  let left = length
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(bytes.subarray(0, Math.min(65_536, left)))
      left -= 65_536
      if (left <= 0) controller.close()
    },
  })
}

test.each<[string, Fetch]>([
  ['text', async () => new QuickResponse(text)],
  ['bytes', async () => new QuickResponse(bytes)],
  ['a stream', async () => new Response(streamOf(large))],
  ['a stream that was text', async () => new Response(text)],
])('an answer of %s that nobody reads ends its connection', async (_, answer) => {
  const { port, cut, logged } = await serveUnread(answer)
  const connection = await openUnread(port)
  await connection.write(get('/'))
  await cut
  expect(logged).toEqual([])
})

test.each([
  ['small answers', ['/']],
  ['errors', ['/', '/fails']],
])('%s that nobody reads end their connection once they go no further', async (_, paths) => {
  const { port, cut, fetch } = await serveUnread(({ url }) => {
    if (url.endsWith('/fails')) return Promise.reject(new Error('for the test'))
    return Promise.resolve(new QuickResponse('x'.repeat(60_000)))
  })
  const connection = await openUnread(port)
  let isCut = false
  const wasCut = cut.then(() => {
    isCut = true
  })
  for (let sent = 1; !isCut; sent++) {
    await connection.write(get(paths[sent % paths.length] ?? ''))
    await eventually(() => isCut || expect(fetch).toHaveBeenCalledTimes(sent))
  }
  await wasCut
  // What a system holds of answers, and no more of them than one.
  expect(fetch.mock.calls.length * 30_000).toBeLessThan(large)
})

test('a client that reads slowly is given all of it, and one that has read it stays', async () => {
  // Much longer than a busy machine may keep the client from reading.
  const writeTimeoutMs = 2_000
  const { port } = await serve(async () => new QuickResponse(bytes), { writeTimeoutMs })
  const connection = await open(port)
  const since = performance.now()
  connection.socket.on('data', ({ length }: string) => {
    connection.socket.pause()
    setTimeout(() => connection.socket.resume(), length / 8_000)
  })
  await connection.write(get('/'))
  await vi.waitFor(() => expect(connection.received().length).toBeGreaterThan(large), 25_000)
  expect(performance.now() - since).toBeGreaterThan(1.5 * writeTimeoutMs)
  await sleep(1.2 * writeTimeoutMs)
  expect(connection.isClosed()).toBe(false)
})

test('an answer that takes long to make, and a connection between two requests, are waited for', async () => {
  const fetch = async (): Promise<Response> => {
    await sleep(2 * writeTimeoutMs)
    return new QuickResponse('late')
  }
  const { port } = await serve(fetch, { writeTimeoutMs })
  const connection = await open(port)
  for (const count of [1, 2]) {
    await connection.write(get('/'))
    await eventually(() => expect(connection.received().split('late').length).toBe(count + 1))
    await sleep(1.5 * writeTimeoutMs)
  }
  expect(connection.isClosed()).toBe(false)
})

test('a client that sends on and reads nothing is ended all the same', {
  timeout: 10_000,
}, async () => {
  const { port, cut } = await serveUnread(async () => new QuickResponse(text))
  const connection = await openUnread(port)
  await connection.write(get('/'))
  // A header that goes on for ever.
  await connection.write('GET / HTTP/1.1\r\nX: ')
  const sending = setInterval(() => connection.socket.write('x'), 50)
  onTestFinished(() => clearInterval(sending))
  await cut
})
