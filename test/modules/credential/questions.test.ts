import { beforeAll, expect, test } from 'vitest'
import { permissionNames } from '../../../src/auth/permissions.ts'
import { seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { gate, verify } from './ask.ts'

let gateway: string
let spaces: { open: string; restricted: string }
let count = 0

const makeKey = (input: object = {}): Promise<{ id: string; secret: string }> =>
  seed(world, workspace.secret).key({ name: `key ${++count}`, ...input })

useWorkspace()
beforeAll(async () => {
  const { space } = seed(world, workspace.secret)
  spaces = {
    open: await space({ name: 'open', visibility: 'OPEN' }),
    restricted: await space({ name: 'restricted' }),
  }
  gateway = (await makeKey({ permissions: ['keys:verify', 'keys:read'] })).secret
})

test('aliases stand for all that they cover, and what is lacking of it is told by name', async () => {
  const { secret } = await makeKey({ permissions: ['agents:read', 'agents:run', 'keys:*'] })
  const lacking = async (permissions: string[]) =>
    (await verify(world, gateway, { secret, permissions })).missingPermissions
  expect(await lacking(['keys:*', 'keys:read'])).toEqual([])
  expect(await lacking(['members:*', 'keys:*', 'members:read'])).toEqual([
    'members:read',
    'members:create',
    'members:update',
    'members:delete',
  ])
  expect(await lacking(['scopes:read', 'scopes:read', 'audit:read'])).toEqual([
    'scopes:read',
    'audit:read',
  ])
  // Held, but in no space at all.
  expect(await lacking(['agents:read'])).toEqual(['agents:read'])
  const all = await verify(world, gateway, { secret: workspace.secret, permissions: ['*'] })
  expect(all).toMatchObject({ valid: true, permissions: permissionNames, missingPermissions: [] })
})

test('in several spaces a permission counts that is held in every one of them', async () => {
  const { secret } = await makeKey({
    permissions: ['agents:read', 'agents:run', 'scopes:read'],
    spaces: [
      { spaceId: spaces.open },
      { spaceId: spaces.restricted, permissions: ['agents:read'] },
    ],
  })
  const permissions = ['agents:run', 'agents:read']
  const ask = (spaceIds: string[]) => verify(world, gateway, { secret, permissions, spaceIds })
  expect(await ask([spaces.open])).toMatchObject({
    valid: true,
    permissions: ['agents:read', 'agents:run', 'scopes:read'],
  })
  for (const spaceIds of [[spaces.restricted], Object.values(spaces), []])
    expect(await ask(spaceIds)).toMatchObject({
      code: 'INSUFFICIENT_PERMISSIONS',
      permissions: ['agents:read', 'scopes:read'],
      missingPermissions: ['agents:run'],
    })
  const question = {
    secret,
    permissions: ['scopes:read'],
    spaceIds: [spaces.restricted, spaces.open],
  }
  expect((await gate(world, gateway, question)).headers['latchkey-permissions']).toBe(
    'agents:read scopes:read',
  )
})

// What is wrong with a question says nothing about a credential.
test('a question that makes no sense is an error with its path, and nobody is charged for it', async () => {
  const { secret } = await makeKey({ permissions: ['scopes:read'], requestsPerMinute: 10 })
  const wrong: [object, string, string][] = [
    [{ permissions: ['scopes:read', 'scopes:reed'] }, 'UNKNOWN_PERMISSION', 'permissions.1'],
    [{ permissions: ['scopes:read\r\nX: y'] }, 'UNKNOWN_PERMISSION', 'permissions.0'],
    [{ permissions: Array(201).fill('scopes:read') }, 'INVALID', 'permissions'],
    [{ ip: '10.0.0' }, 'INVALID', 'ip'],
    [{ ip: '' }, 'INVALID', 'ip'],
    [{ cost: -1 }, 'INVALID', 'cost'],
    [{ cost: 1_001 }, 'INVALID', 'cost'],
    [{ spaceIds: Array(1_001).fill(spaces.open) }, 'INVALID', 'spaceIds'],
  ]
  for (const [input, code, path] of wrong)
    for (const presented of [secret, 'nonsense'])
      expect([input, await verify(world, gateway, { secret: presented, ...input })]).toEqual([
        input,
        {
          valid: false,
          code: expect.any(String),
          apiKey: null,
          permissions: null,
          missingPermissions: [],
          rateLimits: [],
          errors: [{ code, path: ['input', ...path.split('.')] }],
        },
      ])
  const all = { permissions: ['x'], ip: 'x', cost: -1, spaceIds: Array(1_001).fill('x') }
  expect((await verify(world, gateway, { secret, ...all })).errors).toHaveLength(4)
  const looked = await verify(world, gateway, {
    secret,
    cost: 0,
    permissions: null,
    spaceIds: null,
    ip: null,
  })
  expect(looked).toMatchObject({ valid: true, rateLimits: [{ remaining: 10 }] })
  const most = { cost: 1_000, spaceIds: Array(1_000).fill(spaces.open), ip: '10.0.0.1' }
  expect(await verify(world, gateway, { secret: workspace.secret, ...most })).toMatchObject({
    valid: true,
  })
})
