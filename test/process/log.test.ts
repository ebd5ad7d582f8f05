import { once } from 'node:events'
import { expect, test } from 'vitest'
import { requestLines } from '../setup/request-lines.ts'
import { createFolder, startServer, stop } from './program.ts'

const count = 2_000

/** A server whose log nobody reads, and the ids of the requests of which it logs more than a pipe takes. */
async function startUnread() {
  const server = await startServer({ DATA_DIR: await createFolder(), LOG_REQUESTS: 'on' })
  server.child.stderr?.pause()
  const ids = new Set<string | null>()
  while (ids.size < count) {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => fetch(`${server.url}/nothing`)),
    )
    for (const { headers } of answers) ids.add(headers.get('x-request-id'))
  }
  return { server, ids }
}

// A full pipe takes nothing more: a write to it in the event loop stops all requests.
test('no request waits for who reads the log, and no line is lost when the server stops', async () => {
  const { server, ids } = await startUnread()
  const { data } = await server.gql(server.printedKeys[0] ?? '', 'query Last { viewer { kind } }')
  expect(data).toEqual({ viewer: { kind: 'API_KEY' } })
  server.child.stderr?.resume()
  expect(await stop(server)).toBe(0)
  const lines = server.output.stderr.trimEnd().split('\n')
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ msg: 'stopping' })
  const requests = requestLines(lines)
  expect(requests.at(-1)).toMatchObject({ operation: 'Last', status: 200 })
  expect(new Set(requests.slice(0, -1).map(({ requestId }) => requestId))).toEqual(ids)
})

test('a server ends although nobody reads its log', async () => {
  const { child } = (await startUnread()).server
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
})
