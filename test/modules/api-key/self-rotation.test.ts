import { afterAll, beforeAll, expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../../setup/world.ts'
import { attempt, verdict } from './ask.ts'

let world: World
let workspace: TestWorkspace

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
})
afterAll(() => world.close())

let count = 0
const makeKey = (input: object): Promise<{ id: string; secret: string }> => {
  count += 1
  return seed(world, workspace.secret).key({ name: `key ${count}`, ...input })
}

const rotate = async (id: string, input: object, secret: string): Promise<any> =>
  done(world, secret, 'rotateApiKey', 'secret', { id, ...input })

const inHours = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString()

// With that permission alone a key replaces its own secret; without it a stolen key could not be
// told from its owner by who locks out whom.
test('a key rotates itself with keys:update, whatever else it holds, and not without it', async () => {
  const able = await makeKey({ permissions: ['keys:read', 'keys:update'], expiresAt: inHours(1) })
  const { secret } = await rotate(able.id, { overlapSeconds: 0 }, able.secret)
  expect(await verdict(world, secret)).toBe('ACCEPTED')
  expect(await verdict(world, able.secret)).toBe('401 ROTATED')

  const unable = await makeKey({ permissions: ['keys:read', 'keys:create', 'keys:delete'] })
  const { codes } = await attempt(world, unable.secret, 'rotateApiKey', { id: unable.id })
  expect(codes).toEqual(['FORBIDDEN'])
})

test('a key that holds keys:rotate rotates itself, and no other; a token of it rotates neither', async () => {
  const able = await makeKey({ permissions: ['keys:rotate'] })
  const other = await makeKey({ permissions: ['keys:rotate'] })
  const { token } = await done(world, able.secret, 'createAccessToken', 'token', {})
  const tried = [
    await attempt(world, able.secret, 'rotateApiKey', { id: other.id }),
    await attempt(world, token, 'rotateApiKey', { id: able.id }),
    await attempt(world, able.secret, 'updateApiKey', { id: able.id, name: 'another' }),
  ]
  expect(tried.map(({ codes }) => codes)).toEqual([['FORBIDDEN'], ['FORBIDDEN'], ['FORBIDDEN']])
  const { secret } = await rotate(able.id, { overlapSeconds: 0 }, able.secret)
  expect(await verdict(world, secret)).toBe('ACCEPTED')
  expect(await verdict(world, able.secret)).toBe('401 ROTATED')
  expect(await verdict(world, other.secret)).toBe('ACCEPTED')
})

test.each([
  ['*:read', 'FORBIDDEN'],
  ['keys:*', 'none'],
  ['*', 'none'],
])('a key with the alias %s asks for its rotation: %s', async (alias, code) => {
  const key = await makeKey({ permissions: [alias], allSpaces: true })
  const { codes } = await attempt(world, key.secret, 'rotateApiKey', { id: key.id })
  expect(codes[0] ?? 'none').toBe(code)
})
