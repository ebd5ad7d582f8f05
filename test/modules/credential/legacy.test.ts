import { expect, test } from 'vitest'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { directly } from '../api-key/ask.ts'
import { importOne, legacyKey, legacySecret } from '../legacy/ask.ts'
import { gate, verify } from './ask.ts'

useWorkspace()

const sunset = new Date(Date.UTC(2060, 0, 1))
const setSunset = (legacyKeySunsetAt: Date) =>
  directly(world, workspace.id, (prisma) =>
    prisma.workspace.update({ where: { id: workspace.id }, data: { legacyKeySunsetAt } }),
  )

async function told(secret: string, permissions: string[] = []) {
  const { status, headers } = await gate(world, workspace.secret, { secret, permissions })
  const { code } = await verify(world, workspace.secret, { secret, permissions })
  const { deprecation, sunset: end } = headers
  return { status, code, deprecation, sunset: end }
}

// Who is only ever asked about by a gateway would otherwise learn of the end when it is there.
test('a legacy key is verified like any other, and its end is told with every verdict on what it may', async () => {
  const ownerId = workspace.ownerId
  const legacy = await importOne(
    world,
    workspace.secret,
    legacyKey(ownerId, { permissions: ['scopes:read'] }),
  )
  const { secret, id } = legacy
  const { createdAt } = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id } })
  const deprecation = `@${Math.floor(createdAt.getTime() / 1_000)}`
  await setSunset(sunset)
  const good = { status: 204, code: 'VALID', deprecation, sunset: sunset.toUTCString() }
  expect(await told(secret, ['scopes:read'])).toEqual(good)
  const lacking = { status: 403, code: 'INSUFFICIENT_PERMISSIONS' }
  expect(await told(secret, ['keys:read'])).toEqual({ ...good, ...lacking })
  const nothing = { deprecation: undefined, sunset: undefined }
  expect(await told(legacySecret())).toEqual({ status: 401, code: 'NOT_FOUND', ...nothing })
  expect(await told(workspace.secret)).toEqual({ status: 204, code: 'VALID', ...nothing })
  await setSunset(new Date())
  expect(await told(secret)).toEqual({ status: 401, code: 'EXPIRED', ...nothing })
})
