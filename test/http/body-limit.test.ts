import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { eventually } from '../setup/eventually.ts'
import { exchange, open, serve } from './listening.ts'

const mebibyte = 1_048_576
const block = Buffer.alloc(65_536, 'a')
const chunk = Buffer.concat([Buffer.from('10000\r\n'), block, Buffer.from('\r\n')])
const chunkedHead = 'POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n'

const head = (...headers: string[]) =>
  ['POST / HTTP/1.1', 'Host: test', ...headers, '', ''].join('\r\n')

/** So many turns of what the machine has to tell. */
async function immediately(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await immediate()
}

/** Answers the length of the body that it was given. */
const echoLength = () =>
  vi.fn(async (request: Request) => new Response(String((await request.text()).length)))

/** Sends `chunks` chunks of 64 KiB, or as many as are taken before an answer; tells how many. */
async function flood(connection: Awaited<ReturnType<typeof open>>, chunks: number, pauseMs = 0) {
  await connection.write(chunkedHead)
  for (let sent = 0; sent < chunks; sent++) {
    if (connection.received() !== '' || connection.isClosed()) return sent
    await connection.write(chunk)
    await sleep(pauseMs)
  }
  return chunks
}

/** Sends on until the server ends the connection. */
async function untilClosed(connection: Awaited<ReturnType<typeof open>>) {
  while (!connection.isClosed()) {
    await connection.write(chunk)
    await sleep(1)
  }
}

/** A connection that the server does not end by itself is ended, as one whose body takes too long, later. */
const soon = { timeout: 25_000 }

test('a body of exactly the limit passes, declared or chunked', async () => {
  const { url } = await serve(echoLength())
  const body = 'a'.repeat(mebibyte)
  const declared = await fetch(url, { method: 'POST', body })
  const chunked = await fetch(url, {
    method: 'POST',
    body: new Blob([body]).stream(),
    duplex: 'half',
  } as RequestInit)
  expect([await declared.text(), await chunked.text()]).toEqual(['1048576', '1048576'])
})

test.each([mebibyte + 1, 2 * mebibyte])('a declared length of %i is refused', async (length) => {
  const app = echoLength()
  const { url, port } = await serve(app)
  const response = await fetch(url, { method: 'POST', body: Buffer.alloc(length) })
  expect(response.status).toBe(413)
  expect(response.headers.get('connection')).toBe('close')
  expect(await response.json()).toEqual({
    errors: [
      {
        message: 'The request body must have at most 1048576 bytes.',
        extensions: {
          code: 'BAD_REQUEST',
          requestId: response.headers.get('x-request-id'),
        },
      },
    ],
  })
  // Answered on the strength of the header: not one byte of the body has been sent here.
  const connection = await open(port)
  await connection.write(head(`Content-Length: ${length}`))
  await eventually(() => expect(connection.received()).toMatch(/^HTTP\/1\.1 413 /))
  expect(app).not.toHaveBeenCalled()
})

test.each([
  ['quickly', 0],
  ['slowly', 5],
])('a chunked body of 50 MiB sent %s is answered long before its end', async (_, pauseMs) => {
  const { port } = await serve(echoLength())
  const connection = await open(port)
  const sent = await flood(connection, 800, pauseMs)
  expect(connection.received()).toMatch(/^HTTP\/1\.1 413 .*"code":"BAD_REQUEST"/s)
  // 16 chunks are the limit; the rest is what lay in the sockets' buffers.
  expect(sent).toBeLessThan(400)
})

test('a client that reads only after it has sent everything still sees the answer', async () => {
  const { url } = await serve(echoLength())
  const response = await fetch(url, {
    method: 'POST',
    body: new Blob([Buffer.alloc(8 * mebibyte)]).stream(),
    duplex: 'half',
  } as RequestInit)
  expect(response.status).toBe(413)
})

test('a refused body that never ends does not hold the connection', soon, async () => {
  const { port } = await serve(echoLength())
  const connection = await open(port)
  await flood(connection, 800)
  await untilClosed(connection)
})

test('whoever reads a body that is refused is told so', async () => {
  const reading = vi.fn((request: Request) => request.text())
  const { port, logged } = await serve(async (request) => new Response(await reading(request)))
  const connection = await open(port)
  await flood(connection, 800)
  await connection.gone
  await eventually(() => expect(reading.mock.settledResults[0]?.type).toBe('rejected'))
  expect(logged).toEqual([])
})

test('an answer given without reading does not let the body flow on', soon, async () => {
  const { port } = await serve(() => Promise.resolve(new Response('no', { status: 401 })))
  const connection = await open(port)
  await connection.write(chunkedHead)
  await eventually(() => expect(connection.received()).toMatch(/^HTTP\/1\.1 401 /))
  await untilClosed(connection)
})

test('floods do not grow the memory', async () => {
  const { port } = await serve(echoLength())
  const before = process.memoryUsage().rss
  let peak = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 20)
  let sent = 0
  const send = async () => {
    const connection = await open(port)
    await connection.write(chunkedHead)
    for (; !connection.isClosed(); sent++) {
      await connection.write(chunk)
      await sleep(1)
    }
  }
  // Each connection ends after a second, however much a busy machine has sent by then.
  while ((sent * block.length) / mebibyte <= 200)
    await Promise.all(Array.from({ length: 20 }, send))
  clearInterval(watch)
  expect((peak - before) / mebibyte).toBeLessThan(100)
})

test('a body that takes too long is refused, and an upload has more time', async () => {
  const { port } = await serve(echoLength())
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const slow = await open(port)
  await slow.write(`${head('Content-Length: 5')}hell`)
  const upload = await open(port)
  const form = 'Content-Type: multipart/form-data; boundary=x'
  await upload.write(`${head('Content-Length: 5', form).replace(' / ', ' /graphql ')}hell`)
  await immediately(20)
  await vi.advanceTimersByTimeAsync(30_000)
  // What of it still comes is read for a second, so that the answer is.
  await vi.advanceTimersByTimeAsync(1_000)
  await slow.gone
  expect(slow.received()).toMatch(/^HTTP\/1\.1 408 .*"code":"BAD_REQUEST"/s)
  expect(upload.isClosed()).toBe(false)
  await upload.write('o')
  while (upload.received() === '') await immediately(1)
  expect(upload.received()).toMatch(/^HTTP\/1\.1 200 /)
})

/** A head and some of its body, after which nothing comes for so long. */
async function stalled(port: number, start: string, forMs: number) {
  const connection = await open(port)
  await connection.write(start)
  await immediately(20)
  await vi.advanceTimersByTimeAsync(forMs)
  await immediately(20)
  return connection
}

const form = head('Content-Length: 500', 'Content-Type: multipart/form-data; boundary=x').replace(
  ' / ',
  ' /graphql ',
)

test('an upload of which nothing comes for a minute is refused', async () => {
  const { port } = await serve(echoLength())
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const upload = await stalled(port, `${form}hell`, 59_000)
  expect(upload.received()).toBe('')
  // Each byte gives it another minute.
  await upload.write('o')
  await immediately(20)
  await vi.advanceTimersByTimeAsync(59_000)
  expect(upload.received()).toBe('')
  await vi.advanceTimersByTimeAsync(1_001)
  while (upload.received() === '') await immediately(1)
  expect(upload.received()).toMatch(/^HTTP\/1\.1 408 /)
})

test.each([
  ['a body', head('Content-Length: 500')],
  ['an upload', form],
])('%s that stops after its answer does not hold the connection', async (_, start) => {
  const { port } = await serve(() => Promise.resolve(new Response('no', { status: 401 })))
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const connection = await stalled(port, `${start}hello`, 30_001)
  expect(connection.received()).toMatch(/^HTTP\/1\.1 401 /)
  while (!connection.isClosed()) await immediately(1)
})

test.each(['abc', '-1', '+5', '1e3', '0x10', '99999999999999999999999'])(
  'a Content-Length of %s is refused',
  async (length) => {
    const app = echoLength()
    const { port } = await serve(app)
    const answer = await exchange(port, `${head(`Content-Length: ${length}`)}hello`)
    expect(answer).toMatch(/^HTTP\/1\.1 4(00|13) /)
    expect(app).not.toHaveBeenCalled()
  },
)

test('two ways to tell where the body ends are refused', async () => {
  const app = echoLength()
  const { port } = await serve(app)
  const both = head('Content-Length: 5', 'Transfer-Encoding: chunked')
  expect(await exchange(port, `${both}0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /)
  const twice = head('Content-Length: 5', 'Content-Length: 6')
  expect(await exchange(port, `${twice}hello!`)).toMatch(/^HTTP\/1\.1 400 /)
  expect(app).not.toHaveBeenCalled()
})

test('more than the declared length is not part of the body', async () => {
  const bodies: string[] = []
  const { port } = await serve(async (request) => {
    bodies.push(await request.text())
    return new Response('ok')
  })
  const answer = await exchange(port, `${head('Content-Length: 5')}hello${'x'.repeat(100_000)}`)
  expect(answer).toMatch(/^HTTP\/1\.1 400 /)
  expect(bodies).toEqual(['hello'])
})

test('less than the declared length ends with the connection', async () => {
  const { port, url, logged } = await serve(echoLength())
  const connection = await open(port)
  await connection.write(`${head('Content-Length: 500')}hello`)
  await sleep(50)
  connection.socket.destroy()
  const next = await fetch(url, { method: 'POST', body: 'hello' })
  expect(await next.text()).toBe('5')
  expect(logged).toEqual([])
})

test('a client that asks first is told before it sends', async () => {
  const { port } = await serve(echoLength())
  const refused = await open(port)
  await refused.write(head('Content-Length: 2000000', 'Expect: 100-continue'))
  await eventually(() => expect(refused.received()).toMatch(/^HTTP\/1\.1 413 /))
  const accepted = await open(port)
  await accepted.write(head('Content-Length: 5', 'Expect: 100-continue'))
  await eventually(() => expect(accepted.received()).toBe('HTTP/1.1 100 Continue\r\n\r\n'))
  await accepted.write('hello')
  await eventually(() => expect(accepted.received()).toMatch(/Continue\r\n\r\nHTTP\/1\.1 200 /))
})
