import { serverAudits } from 'graphql-http'
import { expect, test } from 'vitest'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { serveHandler } from './listening.ts'

useWorkspace()

// What GraphQL over HTTP asks for (MUST, SHOULD and MAY), as its working group tests it.
test('GraphQL over HTTP: all audits pass', async () => {
  const { url } = await serveHandler(world.app.handle)
  const audits = serverAudits({
    url: `${url}/graphql`,
    fetchFn: (input: RequestInfo, init: RequestInit = {}) => {
      const headers = new Headers(init.headers)
      headers.set('x-api-key', workspace.secret)
      return fetch(input, { ...init, headers })
    },
  })
  const results = await Promise.all(audits.map(({ fn }) => fn()))
  expect(results.filter(({ status }) => status !== 'ok')).toEqual([])
  expect(results).toHaveLength(61)
})
