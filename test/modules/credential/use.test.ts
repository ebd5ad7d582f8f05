import { afterAll, expect, test } from 'vitest'
import { done } from '../../setup/seed.ts'
import { mint } from '../access-token/ask.ts'
import { verdict } from '../api-key/ask.ts'
import { gate, verify, verifyAll } from './ask.ts'
import { createWorldWithKeys } from './with-keys.ts'

const { world, workspace, makeKey } = await createWorldWithKeys()
afterAll(() => world.close())

async function usesOf(
  id: string,
): Promise<{ at: string | null; ip: string | null; tokens: string[] }> {
  await world.deps.usage.flush()
  const { data } = await world.gql(
    workspace.secret,
    `query ($id: ID!) { apiKey(id: $id) { lastUsedAt lastUsedIp
      accessTokens(first: 5) { nodes { lastUsedIp } } } }`,
    { id },
  )
  const { lastUsedAt: at, lastUsedIp: ip, accessTokens } = data.apiKey
  return { at, ip, tokens: accessTokens.nodes.map((token: any) => token.lastUsedIp) }
}

// A key that is used at gateways alone would otherwise look forgotten, and be taken away.
test('verification is a use of the key, from the address that is given', async () => {
  const { id, secret } = await makeKey()
  expect(await usesOf(id)).toEqual({ at: null, ip: null, tokens: [] })
  await verify(world, workspace.secret, { secret, ip: '192.0.2.7' })
  const first = await usesOf(id)
  expect(first).toEqual({ at: expect.any(String), ip: '192.0.2.7', tokens: [] })
  await gate(world, workspace.secret, { secret, ip: '::ffff:192.0.2.8' })
  expect(await usesOf(id)).toMatchObject({ ip: '192.0.2.8' })
  // That of the gateway is not the client's.
  await gate(world, workspace.secret, { secret })
  expect(await usesOf(id)).toMatchObject({ ip: null })
  const { token } = await mint(world, secret)
  await verify(world, workspace.secret, { secret: token, ip: '2001:db8::7' })
  expect(await usesOf(id)).toMatchObject({ ip: '2001:db8::7', tokens: ['2001:db8::7'] })
})

test('what is refused as such was not used; what may not do a thing was', async () => {
  const { id, secret } = await makeKey({ allowedIps: ['192.0.2.0/24'] })
  await verify(world, workspace.secret, { secret, ip: '198.51.100.1' })
  expect(await usesOf(id)).toMatchObject({ at: null })
  const lacking = { secret, permissions: ['scopes:read'], ip: '192.0.2.9' }
  expect(await verify(world, workspace.secret, lacking)).toMatchObject({ valid: false })
  expect(await usesOf(id)).toMatchObject({ at: expect.any(String), ip: '192.0.2.9' })
})

async function rotated(input: object = {}): Promise<{ id: string; old: string; new: string }> {
  const key = await makeKey(input)
  const options = { id: key.id, retirePreviousOnFirstUse: true }
  const { secret } = await done(world, workspace.secret, 'rotateApiKey', 'secret', options)
  return { id: key.id, old: key.secret, new: secret }
}
const retirements = (targetId: string) =>
  world.deps.prisma.auditEvent.findMany({
    where: { action: 'api_key.previous_secret_retired', targetId },
    select: { actorName: true, apiKeyId: true, ip: true },
  })
const code = async (secret: string, question: object = {}): Promise<string> =>
  (await verifyAll(world, workspace.secret, [{ secret, ip: '192.0.2.1', ...question }]))[0].code

// The integration may never call the API itself: its gateway is where the new secret is first seen.
test('the first verification of a new secret ends the one before it, at either door', async () => {
  for (const door of ['verify', 'gate']) {
    const key = await rotated()
    for (let round = 0; round < 2; round += 1) expect(await code(key.old)).toBe('VALID')
    const question = { secret: key.new, ip: '192.0.2.1' }
    if (door === 'gate') expect((await gate(world, workspace.secret, question)).status).toBe(204)
    else expect(await code(key.new)).toBe('VALID')
    expect(await code(key.old)).toBe('ROTATED')
    expect(await verdict(world, key.old)).toBe('401 ROTATED')
    expect(await code(key.new)).toBe('VALID')
    expect(await retirements(key.id)).toEqual([
      { actorName: 'Olga Owner', apiKeyId: key.id, ip: '192.0.2.1' },
    ])
  }
})

test('of many first verifications at once each is good, and the end is recorded once', async () => {
  const key = await rotated()
  const codes = await Promise.all(Array.from({ length: 20 }, () => code(key.new)))
  expect(codes).toEqual(Array(20).fill('VALID'))
  expect(await code(key.old)).toBe('ROTATED')
  expect(await retirements(key.id)).toHaveLength(1)
})

// Who cannot use the key does not use it; who can, and may not do this one thing, does.
test('a new secret that is refused as such ends nothing, whatever else it lacks does', async () => {
  const key = await rotated({ allowedIps: ['192.0.2.0/24'] })
  expect(await code(key.new, { ip: '198.51.100.1' })).toBe('IP_NOT_ALLOWED')
  expect(await code(key.new, { ip: null })).toBe('IP_NOT_ALLOWED')
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: key.id })
  expect(await code(key.new)).toBe('DISABLED')
  await done(world, workspace.secret, 'enableApiKey', 'apiKey { id }', { id: key.id })
  expect(await code(key.old)).toBe('VALID')
  expect(await retirements(key.id)).toEqual([])
  expect(await code(key.new, { permissions: ['scopes:read'] })).toBe('INSUFFICIENT_PERMISSIONS')
  expect(await code(key.old)).toBe('ROTATED')
})
