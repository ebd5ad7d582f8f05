import { expect, test, vi } from 'vitest'
import { open, serve } from '../http/listening.ts'
import { eventually } from '../setup/eventually.ts'
import { otherLines } from '../setup/request-lines.ts'
import { useWorld, world } from '../setup/use-world.ts'

useWorld()

const head = (path: string, ...headers: string[]): string =>
  [
    `POST ${path} HTTP/1.1`,
    'Host: latchkey.test',
    'Content-Type: application/x-www-form-urlencoded',
    ...headers,
    '',
    '',
  ].join('\r\n')

/** The application over a socket, with what it has answered. */
async function served() {
  const answer = vi.fn(world.app.fetch)
  const { port, logged } = await serve(answer)
  const outcome = async (): Promise<unknown> => {
    await eventually(() => expect(answer.mock.settledResults[0]?.type).toBe('fulfilled'))
    const response: Response = answer.mock.settledResults[0]?.value
    return [response.status, ((await response.json()) as { error: string }).error]
  }
  return { port, logged, outcome }
}

// Whoever can send half a request could fill the log with faults that are none of ours.
test.each(['/oauth/token', '/oauth/introspect', '/oauth/revoke'])(
  '%s: a form that breaks off is no fault of ours',
  async (path) => {
    const { port, logged, outcome } = await served()
    const connection = await open(port)
    await connection.write(`${head(path, 'Content-Length: 500')}grant_type=`)
    connection.socket.destroy()
    expect(await outcome()).toEqual([400, 'invalid_request'])
    expect([...logged, ...otherLines(world.logs)]).toEqual([])
  },
)

test('nor is one without an end, which is refused while it is read', async () => {
  const { port, logged, outcome } = await served()
  const connection = await open(port)
  await connection.write(head('/oauth/token', 'Transfer-Encoding: chunked'))
  const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`
  while (!connection.isClosed() && connection.received() === '') await connection.write(chunk)
  await eventually(() => expect(connection.received()).toMatch(/^HTTP\/1\.1 413 /))
  connection.socket.destroy()
  expect(await outcome()).toEqual([400, 'invalid_request'])
  expect([...logged, ...otherLines(world.logs)]).toEqual([])
})
