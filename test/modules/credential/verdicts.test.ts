import { beforeAll, expect, test } from 'vitest'
import { seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { verify } from './ask.ts'

let gateway: string

useWorkspace()
beforeAll(async () => {
  const { secret } = await seed(world, workspace.secret).key({
    name: 'gateway',
    permissions: ['keys:verify', 'keys:read'],
  })
  gateway = secret
})

test('a key is good for what it can do, and for nothing else', async () => {
  const { space, key } = seed(world, workspace.secret)
  const spaceId = await space({ name: 'one' })
  const other = await space({ name: 'other' })
  const { secret, id } = await key({
    name: 'client',
    permissions: ['agents:read', 'agents:run', 'scopes:read'],
    spaces: [{ spaceId, permissions: ['agents:read'] }],
  })
  expect(
    await verify(world, gateway, { secret, permissions: ['agents:read'], spaceIds: [spaceId] }),
  ).toEqual({
    valid: true,
    code: 'VALID',
    apiKey: { id },
    permissions: ['agents:read', 'scopes:read'],
    missingPermissions: [],
    rateLimits: [],
    errors: [],
  })
  const lacking = { secret, permissions: ['agents:run', 'scopes:read'], spaceIds: [spaceId] }
  expect(await verify(world, gateway, lacking)).toMatchObject({
    valid: false,
    code: 'INSUFFICIENT_PERMISSIONS',
    missingPermissions: ['agents:run'],
  })
  expect(await verify(world, gateway, { secret, spaceIds: [spaceId, other] })).toMatchObject({
    valid: false,
    code: 'SPACE_NOT_ALLOWED',
    permissions: ['scopes:read'],
  })
})
