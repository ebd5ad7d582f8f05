import { setTimeout as sleep } from 'node:timers/promises'
import { Response as QuickResponse } from '@whatwg-node/server'
import { expect, test, vi } from 'vitest'
import { eventually } from '../setup/eventually.ts'
import { open, serve } from './listening.ts'

const writeTimeoutMs = 300

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: latchkey.test\r\n\r\n`

/** An answer that is read as it goes, and how many bytes of it were read. */
function streamed(length: number): { response: Response; read: () => number } {
  let read = 0
  const body = new ReadableStream({
    pull(controller) {
      const size = Math.min(65_536, length - read)
      read += size
      controller.enqueue(Buffer.alloc(size, 'x'))
      if (read === length) controller.close()
    },
  })
  const headers = { 'content-length': String(length) }
  return { response: new Response(body, { headers }), read: () => read }
}

test('a client that takes nothing for a while is given no more', async () => {
  const length = 100_000_000
  const { response, read } = streamed(length)
  const { port, logged } = await serve(async () => response, { writeTimeoutMs })
  const connection = await open(port)
  connection.socket.pause()
  await connection.write(get('/'))
  await vi.waitFor(() => expect(read()).toBeGreaterThan(0), { timeout: 10_000 })
  await sleep(4 * writeTimeoutMs)
  connection.socket.resume()
  await connection.gone
  expect(connection.received().length).toBeLessThan(length)
  expect(logged).toEqual([])
})

test.each(['the client has gone', 'it was waited for'])(
  'a content that does not go on is given up once %s',
  async (ending) => {
    const given = Promise.withResolvers<void>()
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from('begun')),
      pull: () => new Promise(() => undefined),
      cancel: () => given.resolve(),
    })
    const response = new Response(body, { headers: { 'content-length': '1000' } })
    const isWaitedFor = ending === 'it was waited for'
    const options = isWaitedFor ? { writeTimeoutMs } : {}
    const { port, logged } = await serve(async () => response, options)
    const connection = await open(port)
    await connection.write(get('/'))
    await eventually(() => expect(connection.received()).toContain('begun'))
    if (!isWaitedFor) connection.socket.destroy()
    await given.promise
    const late = expect.objectContaining({ message: 'the content did not go on for 300 ms' })
    const told = [expect.objectContaining({ err: late }), expect.any(String)]
    expect(logged).toEqual(isWaitedFor ? [told] : [])
  },
)

// The patience with a download ends with it: the connection goes on to the request behind it.
test('an answer that is due behind a download has as much time as any', async () => {
  const fetch = async ({ url }: Request): Promise<Response> => {
    if (url.endsWith('/download')) return streamed(3).response
    await sleep(3 * writeTimeoutMs)
    return new QuickResponse('late')
  }
  const { port } = await serve(fetch, { writeTimeoutMs })
  const connection = await open(port)
  await connection.write(get('/download') + get('/late'))
  await eventually(() => connection.isClosed() || expect(connection.received()).toMatch(/late$/))
  expect(connection.received()).toMatch(/^HTTP.+xxxHTTP.+late$/s)
})
