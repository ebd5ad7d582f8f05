import { expect, test } from 'vitest'
import { done } from '../../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { inSeconds, mint, rotate as rotateToken } from '../access-token/ask.ts'
import { attempt } from './ask.ts'

useWorkspace()

let count = 0
const name = (): string => `name ${++count}`
const manages = ['keys:read', 'keys:create', 'keys:update']

const rotate = (id: string, overlapSeconds: number): Promise<any> =>
  done(world, workspace.secret, 'rotateApiKey', 'secret apiKey { previousSecretExpiresAt }', {
    id,
    overlapSeconds,
  })

// A secret that is running out must not leave behind what outlives it.
test('what is made with an old secret ends with it, as a key does that expires', async () => {
  const key = await make.key({ name: name(), permissions: manages })
  const other = await make.key({ name: name(), permissions: ['keys:read'] })
  const { secret, apiKey } = await rotate(key.id, 600)
  const end = new Date(apiKey.previousSecretExpiresAt)
  const attempts = (by: string, expiresAt?: Date) =>
    attempt(world, by, 'createApiKey', { name: name(), expiresAt: expiresAt?.toISOString() })
  const refused = { codes: ['EXPIRY_NOT_ALLOWED'], paths: [['input', 'expiresAt']] }
  expect(await attempts(key.secret)).toMatchObject(refused)
  expect(await attempts(key.secret, inSeconds(700))).toMatchObject(refused)
  expect((await attempts(key.secret, end)).codes).toEqual([])
  expect((await attempts(secret)).codes).toEqual([])
  for (const mutation of ['rotateApiKey', 'enableApiKey']) {
    if (mutation === 'enableApiKey')
      await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: other.id })
    const { codes } = await attempt(world, key.secret, mutation, { id: other.id })
    expect([mutation, codes]).toEqual([mutation, ['EXPIRY_NOT_ALLOWED']])
  }
})

test('its own expiry still bounds a key whose old secret ends later', async () => {
  const expiresAt = inSeconds(3_600).toISOString()
  const key = await make.key({ name: name(), permissions: manages, expiresAt })
  await rotate(key.id, 600)
  await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', {
    id: key.id,
    expiresAt: inSeconds(300).toISOString(),
  })
  const input = { name: name(), expiresAt: inSeconds(400).toISOString() }
  const { codes } = await attempt(world, key.secret, 'createApiKey', input)
  expect(codes).toEqual(['EXPIRY_NOT_ALLOWED'])
})

test('a token minted by an old secret, and its chain, end with the secret', async () => {
  const key = await make.key({ name: name(), permissions: ['agents:read'], spaces: [] })
  const { secret, apiKey } = await rotate(key.id, 300)
  const end = new Date(apiKey.previousSecretExpiresAt).getTime()
  const token = await mint(world, key.secret)
  const row = ({ id }: { id: string }) =>
    world.deps.prisma.accessToken.findFirstOrThrow({ where: { id } })
  expect((await row(token)).expiresAt.getTime()).toBeLessThanOrEqual(end)
  expect((await row(token)).familyExpiresAt.getTime()).toBeLessThanOrEqual(end)
  const beyond = { expiresInSeconds: 600 }
  const { codes, paths } = await attempt(world, key.secret, 'createAccessToken', beyond)
  expect([codes, paths]).toEqual([['EXPIRY_NOT_ALLOWED'], [['input', 'expiresInSeconds']]])
  expect((await attempt(world, token.token, 'rotateAccessToken', beyond)).codes).toEqual([
    'EXPIRY_NOT_ALLOWED',
  ])
  const successor = await rotateToken(world, token.token)
  expect((await row(successor)).expiresAt.getTime()).toBeLessThanOrEqual(end)
  const fresh = await row(await mint(world, secret))
  expect(fresh.expiresAt.getTime()).toBeGreaterThan(end)
})
