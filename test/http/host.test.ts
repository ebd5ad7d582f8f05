import { expect, test } from 'vitest'
import { useWorld, world } from '../setup/use-world.ts'
import { exchange, serve } from './listening.ts'

useWorld()

/** The status line's code and the body of the answer to a GET with that target and Host. */
async function get(target: string, host: string): Promise<[status: number, body: string]> {
  const { port } = await serve(world.app.fetch)
  const lines = [`GET ${target} HTTP/1.1`, `Host: ${host}`, 'Connection: close', '', '']
  const answer = await exchange(port, lines.join('\r\n'))
  const [head = '', ...body] = answer.split('\r\n\r\n')
  return [Number(head.split(' ')[1]), body.join()]
}

test.each([
  '',
  'a',
  'latchkey.test:4000',
  '127.0.0.1',
  '[::1]:4000',
  'xn--bcher-kva.example',
  'a_b',
])('the Host "%s" is accepted, and the path is that of the target', async (host) => {
  expect((await get('/health', host))[0]).toBe(200)
  expect((await get('/nothing', host))[0]).toBe(404)
})

// What stands before the server judges by the target's path: nothing else may choose another.
test.each([
  'a/health?',
  'a/health#',
  'a/health',
  'a?/health',
  'a#/health',
  'a\\health?',
  'user@a',
  'a@b/health',
  'a b',
  'a\tb',
  'a/',
  '/health?',
  '//a/health',
  'a:80/health?x=',
  'a:b',
  'a,b',
  '[::1',
  ':4000',
  'a%2fhealth',
  'é',
])('the Host "%s" is refused', async (host) => {
  const [status, body] = await get('/graphql', host)
  expect(status).toBe(400)
  expect(body).toContain('"code":"BAD_REQUEST"')
})

// Proxies and old clients name the whole address; it counts instead of the Host (RFC 9112, 3.2.2).
test.each([
  ['http://a/health', 200],
  ['http://latchkey.test:4000/health?x=http://b/nothing', 200],
  ['HTTP://[::1]:4000/health', 200],
  ['https://a/health', 200],
  ['http://a', 200],
  ['http://a?x=y', 200],
  ['http://a/nothing', 404],
  ['http://a//health', 404],
  ['http://a/x/../health', 404],
  ['http://a/health#', 404],
])('the target %s is answered with %d', async (target, status) => {
  expect((await get(target, 'b'))[0]).toBe(status)
  expect((await get(target, 'b/nothing?'))[0]).toBe(400)
})

test.each([
  'http://a@b/health',
  'http://a:b@c/health',
  'http://a:b/health',
  'http://a:80:80/health',
  'http:///health',
  'http://?/health',
  'http:/health',
  'http:health',
  'http://a\\/health',
  'http://a%2fhealth',
  'ftp://a/health',
  'a:80',
  '*',
  'health',
  '?/health',
])('the target %s is refused', async (target) => {
  expect((await get(target, 'a'))[0]).toBe(400)
})

test.each([
  '//health',
  '/x/../health',
  '/./health',
  '/%68ealth',
  '/\\health',
  '/health#',
  '/health%3f',
  '/health;a',
  '/metrics#',
  '/graphql#',
  '/graphql#?query={__typename}',
  '/graphql/..',
  '/graphql/./',
  '/graphql//',
  '//graphql',
  '//graphql/',
  '/%67raphql',
  '/GraphQL',
  '//',
  '//a',
  '//a/',
  '/graphql/x',
])('the target %s is not that of another path', async (target) => {
  expect((await get(target, 'a'))[0]).toBe(404)
})
