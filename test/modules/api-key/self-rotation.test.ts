import { expect, test } from 'vitest'
import { holdLine } from '../../setup/in-line.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { attempt, verdict } from './ask.ts'

useWorkspace()

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

const asks = (secret: string, id: string) => attempt(world, secret, 'rotateApiKey', { id })

test('rotateApiKey: of four rotations of itself at once one succeeds', async () => {
  const { id, secret } = await makeKey({ permissions: ['keys:rotate'] })
  const tried = await Promise.all(Array.from({ length: 4 }, () => asks(secret, id)))
  expect(tried.map(({ codes }) => codes.join()).sort()).toEqual([
    '',
    'CONFLICT',
    'CONFLICT',
    'CONFLICT',
  ])
})

test('rotateApiKey: a key that loses keys:rotate before its turn does not rotate itself', async () => {
  const { id, secret } = await makeKey({ permissions: ['keys:rotate'] })
  const line = holdLine(world.deps, workspace.id)
  const narrowing = done(world, workspace.secret, 'updateApiKey', '__typename', {
    id,
    permissions: [],
  })
  await line.waiting(1)
  const rotating = asks(secret, id)
  await line.waiting(2)
  await line.open()
  await narrowing
  expect((await rotating).codes).toEqual(['FORBIDDEN'])
})

test('rotateApiKey: the secret that was replaced rotates the key until the new one is in use', async () => {
  const { id, secret } = await makeKey({ permissions: ['keys:rotate'] })
  const { secret: second } = await rotate(id, {}, secret)
  expect((await asks(secret, id)).codes).toEqual(['CONFLICT'])
  expect(await verdict(world, second)).toBe('ACCEPTED')
  await world.deps.usage.flush()
  expect((await asks(secret, id)).codes).toEqual(['FORBIDDEN'])
})

test('rotateApiKey: a key of another workspace is not there, whatever it holds', async () => {
  const { secret } = await makeKey({ permissions: ['keys:rotate', 'keys:read', 'keys:update'] })
  const other = await world.createWorkspace()
  const theirs = await seed(world, other.secret).key({ name: 'x', permissions: ['keys:rotate'] })
  expect((await asks(secret, theirs.id)).codes).toEqual(['NOT_FOUND'])
})
