import { Response as QuickResponse } from '@whatwg-node/server'
import { expect, test } from 'vitest'
import { eventually } from '../setup/eventually.ts'
import { open, serve } from './listening.ts'

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: latchkey.test\r\n\r\n`

/** Answers each request with its path, once the test lets it. */
function answersOnDemand() {
  const asked: { readonly path: string; readonly answer: () => void }[] = []
  const fetch = async ({ url }: Request): Promise<Response> => {
    const { pathname } = new URL(url)
    await new Promise<void>((answer) => asked.push({ path: pathname, answer }))
    return new QuickResponse(pathname)
  }
  return { asked, fetch }
}

test('requests of one connection are worked on one after another', async () => {
  const { asked, fetch } = answersOnDemand()
  const { port } = await serve(fetch)
  const connection = await open(port)
  const paths = ['/1', '/2', '/3', '/4']
  await connection.write(paths.map(get).join(''))
  for (const [index, path] of paths.entries()) {
    await eventually(() => expect(asked).toHaveLength(index + 1))
    expect(asked[index]?.path).toBe(path)
    asked[index]?.answer()
  }
  await eventually(() => expect(connection.received()).toMatch(/\/1HTTP.+\/2HTTP.+\/3HTTP.+\/4$/s))
})

test('bodies that are sent ahead are read in their turn', async () => {
  const lengths: number[] = []
  const { port } = await serve(async (request) => {
    lengths.push((await request.text()).length)
    return new QuickResponse('ok')
  })
  const connection = await open(port)
  const post = (length: number): string =>
    `POST / HTTP/1.1\r\nHost: latchkey.test\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(length)}`
  await connection.write(post(5) + post(500_000) + post(4))
  await eventually(() => expect(lengths).toEqual([5, 500_000, 4]))
})

test('a client that sends many requests ahead is cut off, and no more than one is worked on', async () => {
  const { asked, fetch } = answersOnDemand()
  const { port } = await serve(fetch)
  const connection = await open(port)
  await connection.write(get('/').repeat(1_000))
  await connection.gone
  expect(asked).toHaveLength(1)
})

test('a request whose client has gone before its turn is not worked on', async () => {
  const { asked, fetch } = answersOnDemand()
  const { port, logged } = await serve(fetch)
  const connection = await open(port)
  await connection.write(get('/1') + get('/2'))
  await eventually(() => expect(asked).toHaveLength(1))
  connection.socket.destroy()
  const other = await open(port)
  await other.write(get('/3'))
  await eventually(() => expect(asked).toHaveLength(2))
  asked[0]?.answer()
  asked[1]?.answer()
  await eventually(() => expect(other.received()).toMatch(/\/3$/))
  expect(asked.map(({ path }) => path)).toEqual(['/1', '/3'])
  expect(logged).toEqual([])
})
