import { expect, test } from 'vitest'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { inSeconds, mint, rotate, stored, verdict } from './ask.ts'

useWorkspace()

let count = 0
const name = (): string => `name ${++count}`
const everything = { permissions: ['*'], allSpaces: true }
const makeKey = (input: object = everything): Promise<{ id: string; secret: string }> =>
  make.key({ name: name(), ...input })
const iso = (date: Date): string => date.toISOString()

// A token for a quarter of an hour must not become a key for ever.
test('what a token makes ends with it at the latest', async () => {
  const { id, token } = await mint(world, workspace.secret)
  const { expiresAt } = await stored(world, { id })
  const tooLate = ['EXPIRY_NOT_ALLOWED input.expiresAt']
  const create = (more: object) =>
    outcome(world, token, 'createApiKey', { name: name(), ...everything, ...more })
  expect(await create({})).toEqual(tooLate)
  expect(await create({ expiresAt: null })).toEqual(tooLate)
  expect(await create({ expiresAt: iso(new Date(expiresAt.getTime() + 1)) })).toEqual(tooLate)
  expect(await create({ expiresAt: iso(expiresAt) })).toEqual(['done'])
  expect(await create({ expiresAt: iso(inSeconds(60)), permissions: [] })).toEqual(['done'])

  // By a successor it may live as long as that one, by its own token no longer than itself.
  const short = await seed(world, token).key({ name: name(), expiresAt: iso(inSeconds(120)) })
  const own = await mint(world, short.secret)
  expect(own.expiresInSeconds).toBeLessThanOrEqual(120)
  const successor = await rotate(world, token, { expiresInSeconds: 3_600 })
  const later = { id: short.id, expiresAt: iso(inSeconds(1_800)) }
  expect(await outcome(world, successor.token, 'updateApiKey', later)).toEqual(['done'])
})

test('what a token makes ends with its key, where that has been shortened since', async () => {
  const key = await makeKey()
  const { token } = await mint(world, key.secret)
  const end = iso(inSeconds(300))
  await done(world, workspace.secret, 'updateApiKey', '__typename', { id: key.id, expiresAt: end })
  const create = (expiresAt: string) =>
    outcome(world, token, 'createApiKey', { name: name(), expiresAt })
  expect(await create(iso(inSeconds(600)))).toEqual(['EXPIRY_NOT_ALLOWED input.expiresAt'])
  expect(await create(end)).toEqual(['done'])
})

test("a token is bound by its key's own limit and addresses as the key is", async () => {
  const address = '192.0.2.1'
  const bounded = await makeKey({
    ...everything,
    requestsPerMinute: 100,
    allowedIps: ['192.0.2.0/24'],
  })
  const ask = async (secret: string, mutation: string, input: object, selection: string) => {
    const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`
    const query = `mutation ($input: ${type}!) { ${mutation}(input: $input) { ${selection} errors { code path } } }`
    const { data } = await world.gql(secret, query, { input }, { address })
    return data[mutation]
  }
  const { token } = await ask(bounded.secret, 'createAccessToken', {}, 'token')
  const input = { name: name(), expiresAt: iso(inSeconds(60)) }
  const { errors } = await ask(token, 'createApiKey', input, 'secret')
  expect(errors).toEqual([
    { code: 'INVALID', path: ['input', 'requestsPerMinute'] },
    { code: 'INVALID', path: ['input', 'allowedIps'] },
  ])
  const within = { ...input, requestsPerMinute: 100, allowedIps: ['192.0.2.1'] }
  expect((await ask(token, 'createApiKey', within, 'secret')).errors).toEqual([])
})

// The key may replace its own secret; whoever has a token of it would have the key then.
test('a token is not its key: it neither rotates, widens, transfers nor ends it without more', async () => {
  const robot = await make.machine({ name: name(), role: 'ADMIN' })
  const key = await makeKey({ ...everything, permissions: ['keys:*', 'members:read'] })
  const { token } = await mint(world, key.secret)
  const { id } = key
  const at = (path: string): string[] => [`EXPIRY_NOT_ALLOWED input.${path}`]
  expect(await outcome(world, token, 'rotateApiKey', { id })).toEqual(at('id'))
  expect(await outcome(world, token, 'transferApiKey', { id, ownerId: robot.userId })).toEqual(
    at('id'),
  )
  const requestsPerMinute = 5_000
  expect(await outcome(world, token, 'updateApiKey', { id, requestsPerMinute })).toEqual(['done'])
  expect(await outcome(world, token, 'updateApiKey', { id, requestsPerMinute: null })).toEqual([
    ...at('expiresAt'),
    'INVALID input.requestsPerMinute',
  ])
  const wider = { id, permissions: ['*'] }
  expect(await outcome(world, token, 'updateApiKey', wider)).toEqual(
    expect.arrayContaining(['PERMISSION_NOT_GRANTABLE input.permissions.0', ...at('expiresAt')]),
  )
  // What only narrows, or says nothing of what it can do, takes the permission alone.
  expect(await outcome(world, token, 'updateApiKey', { id, name: name() })).toEqual(['done'])
  const disabled = await makeKey({ permissions: [] })
  await done(world, workspace.secret, 'disableApiKey', '__typename', { id: disabled.id })
  expect(await outcome(world, token, 'enableApiKey', { id: disabled.id })).toEqual([
    ...at('id'),
    'INVALID input.id',
  ])
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
  expect(await outcome(world, token, 'revokeApiKey', { id })).toEqual(['done'])
  expect(await verdict(world, token)).toBe('401 REVOKED')
})

test('a key that ends before its token can be rotated with it, for that is no gain', async () => {
  const expiresAt = iso(inSeconds(300))
  const key = await makeKey({ permissions: ['keys:read', 'keys:update'], expiresAt })
  const { id, token } = await mint(world, key.secret)
  // The token was cut to whole seconds, and so ends a little earlier than its key.
  expect(await outcome(world, token, 'rotateApiKey', { id: key.id })).toEqual([
    'EXPIRY_NOT_ALLOWED input.id',
  ])
  const end = iso((await stored(world, { id })).expiresAt)
  await done(world, token, 'updateApiKey', '__typename', { id: key.id, expiresAt: end })
  expect(await outcome(world, token, 'rotateApiKey', { id: key.id })).toEqual(['done'])
})

// Whoever has a narrow token must not be able to take away what it is derived from.
test('without a permission a token ends neither its key nor its user', async () => {
  const robot = await make.machine({ name: name(), role: 'ADMIN' })
  const key = await makeKey({ ...everything, ownerId: robot.userId })
  const { token } = await mint(world, key.secret, { permissions: [] })
  expect(await outcome(world, token, 'revokeApiKey', { id: key.id })).toEqual([
    'FORBIDDEN keys:delete',
  ])
  expect(await outcome(world, token, 'revokeAccessTokens', { apiKeyId: key.id })).toEqual([
    'FORBIDDEN tokens:delete',
  ])
  expect(await outcome(world, token, 'removeMember', { id: robot.id })).toEqual([
    'FORBIDDEN members:delete',
  ])
  expect(await outcome(world, token, 'updateApiKey', { id: key.id, name: 'x' })).toEqual([
    'FORBIDDEN keys:update',
  ])
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
})

// What a token makes is its key's making: a leak is cleaned up by one revocation.
test('what a token made goes with its key by includeCreated', async () => {
  const key = await makeKey()
  const { token } = await mint(world, key.secret)
  const made = await seed(world, token).key({ name: name(), expiresAt: iso(inSeconds(300)) })
  const row = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id: made.id } })
  expect(row).toMatchObject({ createdByKeyId: key.id, createdById: workspace.ownerId })
  const its = await mint(world, made.secret)
  const input = { id: key.id, includeCreated: true }
  const { revokedCount } = await done(
    world,
    workspace.secret,
    'revokeApiKey',
    'revokedCount',
    input,
  )
  expect(revokedCount).toBe(2)
  for (const secret of [key.secret, token, made.secret, its.token])
    expect(await verdict(world, secret)).toBe('401 REVOKED')
})
