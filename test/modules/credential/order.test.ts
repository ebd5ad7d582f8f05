import { expect, test } from 'vitest'
import { newId } from '../../../src/ids.ts'
import { changed } from '../../security/forge.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { mint, rewrite } from '../access-token/ask.ts'
import { directly } from '../api-key/ask.ts'
import { gate, verify } from './ask.ts'

useWorkspace()

// A verdict tells which remedy helps; where several rules refuse, the first one is told, and the
// limits, which pass by themselves, at the very last.
test('of several rules that refuse at once the first is told, at both doors', async () => {
  const { machine, space, key: makeKey } = seed(world, workspace.secret)
  const robot = await machine({ name: 'Robot', role: 'ADMIN' })
  const spaceId = await space({ name: 'space' })
  const key = await makeKey({
    name: 'key',
    ownerId: robot.userId,
    permissions: ['agents:read', 'agents:run', 'spaces:read'],
    spaces: [{ spaceId, permissions: ['spaces:read'] }],
    requestsPerMinute: 5,
  })
  const minted = await mint(world, key.secret)
  const credentials = { secret: key.secret, token: minted.token }
  const bound = { id: key.id, allowedIps: ['10.0.0.0/8'] }
  await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', bound)
  const good = { permissions: ['spaces:read'], spaceIds: [spaceId], ip: '10.0.0.1' }
  const expectVerdict = async (code: string, question: object): Promise<void> => {
    for (const [name, secret] of Object.entries(credentials)) {
      const asked = { ...good, ...question, secret }
      expect([name, code, await verify(world, workspace.secret, asked)]).toMatchObject([
        name,
        code,
        { code },
      ])
      expect((await gate(world, workspace.secret, asked)).headers['latchkey-verdict']).toBe(code)
    }
  }
  const set = (data: object) =>
    directly(world, workspace.id, (prisma) =>
      prisma.apiKey.updateMany({ where: { id: key.id }, data }),
    )

  await verify(world, workspace.secret, { ...good, secret: key.secret, cost: 4 })
  await expectVerdict('RATE_LIMITED', {})
  // Held elsewhere at least, but not there.
  await expectVerdict('INSUFFICIENT_PERMISSIONS', { permissions: ['agents:read'] })
  const out = { permissions: ['agents:read'], spaceIds: [spaceId, newId('spc')] }
  await expectVerdict('SPACE_NOT_ALLOWED', out)
  // Not held at all: told before any space is looked at, as a field is refused before its rows.
  const none = { ...out, permissions: ['agents:read', 'agents:delete'] }
  await expectVerdict('INSUFFICIENT_PERMISSIONS', none)
  const elsewhere = { ...none, ip: '192.0.2.1' }
  await expectVerdict('IP_NOT_ALLOWED', elsewhere)
  await expectVerdict('IP_NOT_ALLOWED', { ...none, ip: null })
  await set({ disabledAt: new Date() })
  await expectVerdict('DISABLED', elsewhere)
  const rotation = { id: key.id, overlapSeconds: 0 }
  await done(world, workspace.secret, 'rotateApiKey', 'secret', rotation)
  // It would be over with the secret that minted it.
  await rewrite(world, workspace.id, [minted], { rotatedAt: new Date(), secretId: null })
  await expectVerdict('ROTATED', elsewhere)
  await set({ expiresAt: new Date() })
  await expectVerdict('EXPIRED', elsewhere)
  await set({ revokedAt: new Date(), revokedById: workspace.ownerId })
  await expectVerdict('REVOKED', elsewhere)
  await set({ ownerRemoved: true })
  await expectVerdict('OWNER_REMOVED', elsewhere)
})

/** A token of the owner's key that ended so many seconds ago. */
async function endedToken(seconds: number): Promise<string> {
  const expiresAt = new Date(Date.now() - seconds * 1_000)
  const minted = await mint(world, workspace.secret)
  const { privateKey } = await world.deps.signingKeys.current()
  const exp = Math.floor(expiresAt.getTime() / 1_000)
  await rewrite(world, workspace.id, [minted], { expiresAt })
  return changed(minted.token, { claims: { iat: exp - 900, exp } }, privateKey)
}

// One that is over for long is not even looked up; that is none of the client's business.
test('a token is over in the same way a second and an hour after its end', async () => {
  for (const seconds of [1, 3_600]) {
    const secret = await endedToken(seconds)
    const question = { secret, permissions: ['agents:read', 'scopes:read'], spaceIds: ['x'] }
    expect(await verify(world, workspace.secret, question)).toMatchObject({
      code: 'EXPIRED',
      permissions: [],
      missingPermissions: ['agents:read', 'scopes:read'],
    })
    const { status, headers } = await gate(world, workspace.secret, question)
    expect([status, headers['latchkey-verdict']]).toEqual([401, 'EXPIRED'])
  }
})
