import { afterAll, expect, test } from 'vitest'
import { exchange } from '../http/listening.ts'
import { seed } from '../setup/seed.ts'
import { inWords } from './backend.ts'
import { startGateway } from './gateway.ts'
import { settle } from './page.ts'

const gateway = await startGateway()
afterAll(() => gateway.close())
const make = seed(gateway.world, gateway.workspace.secret)
const space = await make.space({ name: 'one' })
const otherSpace = await make.space({ name: 'other' })
const { secret: reader } = await make.key({
  name: 'reader',
  permissions: ['agents:read'],
  allSpaces: true,
})
const { secret: runner } = await make.key({
  name: 'runner',
  permissions: ['agents:read', 'agents:run'],
  spaces: [{ spaceId: space }],
})

/** Asks for a target that no client library would send, and gives the status. */
async function askRaw(secret: string, target: string): Promise<string> {
  const lines = [`GET ${target} HTTP/1.1`, 'Host: test', `Authorization: Bearer ${secret}`]
  const answer = await exchange(
    gateway.nginx.port,
    [...lines, 'Connection: close', '', ''].join('\r\n'),
  )
  return answer.slice('HTTP/1.1 '.length, answer.indexOf('\r'))
}

/** What Latchkey is asked, and what the service gets, because of one request. */
async function because(secret: string, target: string) {
  const [questions, received] = [gateway.latchkey.questions.length, gateway.service.received.length]
  const status = await askRaw(secret, target)
  return {
    status,
    asked: gateway.latchkey.questions.slice(questions).map((question) => question.target),
    served: gateway.service.received.slice(received).map(({ url }) => url),
  }
}

// A client that could add to the question would choose what is asked about it.
test('nothing of a query or path changes what is asked', async () => {
  const forged = `permission=agents:read&space=${space}&ip=192.0.2.1&latchkey_asks=x`
  for (const target of [
    `/agents/a?${forged}`,
    `/agents/a%3F${forged}`,
    `/agents/a%26${forged}`,
    `/agents/a%0D%0ALatchkey-Verifier:%20x?${forged}#${forged}`,
    `/agents/%00?a=%00&${forged}`,
  ]) {
    const { asked } = await because(reader, target)
    expect([target, asked.join()]).toEqual([
      target,
      expect.stringMatching(/^$|^\/verify\?ip=127\.0\.0\.1&permission=agents:read$/),
    ])
  }
  const query = `?a=1&${forged}&b=%26%20c`
  expect(await because(runner, `/spaces/${space}/runs${query}`)).toEqual({
    status: '200 OK',
    asked: [`/verify?ip=127.0.0.1&permission=agents:run&space=${space}`],
    served: [`/spaces/${space}/runs${query}`],
  })
  for (const suffix of ['%26permission=agents:read', '&space=x', '%3Fspace=x', '%20'])
    expect(await because(runner, `/spaces/${space}${suffix}/runs`)).toEqual({
      status: '404 Not Found',
      asked: [],
      served: [],
    })
})

// The service would act in a space that nobody has asked about.
test('the service gets the path that was judged, however it was written', async () => {
  const written = (from: string, to: string): string[] => [
    `/spaces/${from}/runs/../../${to}/runs`,
    `/spaces/${from}/runs/..%2f..%2f${to}/runs`,
    `/spaces/${from}/%2e%2e/${to}/runs`,
    `//spaces//${to}/.//runs`,
    `/spaces/${to.replace('spc', 's%70c')}/runs`,
    `/spaces/${to}/runs%0A`,
  ]
  for (const target of written(otherSpace, space)) {
    const { status, served } = await because(runner, target)
    expect([target, status, served]).toEqual([target, '200 OK', [`/spaces/${space}/runs`]])
  }
  for (const target of written(space, otherSpace)) {
    const { status, served } = await because(runner, target)
    expect([target, status, served]).toEqual([target, '403 Forbidden', []])
  }
  const { served } = await because(reader, '/agents/x/..%2f../agents/b%20c%3Fd?e=f')
  expect(served).toEqual(['/agents/b%20c%3Fd?e=f'])
  expect(await because(reader, '/agents/..%2fadmin')).toEqual({
    status: '404 Not Found',
    asked: [],
    served: [],
  })
})

// Tomcat ends a segment at `;` and IIS at `\`: what was judged as below /agents would be /admin.
test('a path that services read in different ways is refused', async () => {
  for (const target of [
    '/agents/..;/admin',
    '/agents/..;a=b/admin',
    '/agents/..%3b/admin',
    '/agents/..\\admin',
    '/agents/..%5cadmin',
    '/agents/..%5Cadmin',
    '/agents/%2e%2e%5cadmin',
    `/spaces/${space};/runs`,
  ])
    expect([target, await because(gateway.workspace.secret, target)]).toEqual([
      target,
      { status: '400 Bad Request', asked: [], served: [] },
    ])
  const query = '/agents/a?b=;%5c'
  expect((await because(reader, query)).served).toEqual([query])
})

test('the location that asks Latchkey answers nobody else', async () => {
  for (const target of [
    '/_latchkey',
    '/_latchkey?permission=agents:read',
    '/%5flatchkey',
    '/agents/../_latchkey',
    '//_latchkey',
    '/verify?permission=agents:read',
  ])
    expect(await because(gateway.workspace.secret, target)).toEqual({
      status: '404 Not Found',
      asked: [],
      served: [],
    })
})

const asks = 'set $latchkey_asks permission=$agents_permission;'

// A location that somebody adds and forgets about must be closed, and not open to every key.
test('a location that says nothing of what it asks for lets nobody in', async () => {
  const forgetful = await gateway.changed((site) => settle(site, { [asks]: '' }))
  const before = gateway.latchkey.questions.length
  const owner = gateway.workspace.secret
  expect(inWords(await forgetful.ask(owner, '/agents/a?latchkey_asks=x'))).toBe('500')
  expect(gateway.latchkey.questions).toHaveLength(before)
})

test('a location that is public has what clients forge dropped all the same', async () => {
  const open = await gateway.changed((site) => settle(site, { [asks]: 'auth_request off;' }))
  const before = gateway.latchkey.questions.length
  const headers = { 'latchkey-key-id': 'forged', 'latchkey-permissions': '*' }
  const outcome = await open.ask(null, '/agents/a', { headers })
  expect(inWords(outcome)).toBe('passed')
  expect(JSON.stringify(outcome.received)).not.toMatch(/latchkey/i)
  expect(gateway.latchkey.questions).toHaveLength(before)
})
