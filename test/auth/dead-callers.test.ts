import { expect, test } from 'vitest'
import { mint, rewrite } from '../modules/access-token/ask.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorld, world } from '../setup/use-world.ts'
import { mutationField, namesOf, operationOf, queryField } from './every-field.ts'
import { insertKey } from './insert-key.ts'

useWorld()

// A credential that is not accepted is told why, and nothing else by any field: neither whether
// the field exists nor whether the document can be read.
test('callers without an accepted credential get 401 with the reason on every field', async () => {
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const its = { workspaceId: workspace.id, ownerId: workspace.ownerId, permissions: ['*'] }
  const past = new Date(Date.now() - 1_000)
  const left = await make.machine({ name: 'left', role: 'BUILDER' })
  const leftKey = await make.key({
    name: 'left',
    ownerId: left.userId,
    permissions: ['agents:read'],
    spaces: [],
  })
  const leftToken = await mint(world, leftKey.secret)
  await done(world, workspace.secret, 'removeMember', 'member { id }', { id: left.id })
  const off = await make.key({ name: 'off' })
  const { token: disabledToken } = await mint(world, off.secret)
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: off.id })
  const [revokedToken, expiredToken] = [
    await mint(world, workspace.secret),
    await mint(world, workspace.secret),
  ]
  await done(world, revokedToken.token, 'revokeAccessToken', 'accessToken { id }', {})
  await rewrite(world, workspace.id, [expiredToken], { expiresAt: past })
  const rotated = await make.key({ name: 'rotated' })
  const rotation = { id: rotated.id, overlapSeconds: 0 }
  await done(world, workspace.secret, 'rotateApiKey', 'secret', rotation)
  const bounded = await make.key({ name: 'bounded', allowedIps: ['192.0.2.1'] })
  const dead: readonly (readonly [reason: string, secret: string | null])[] = [
    ['MISSING', null],
    ['MALFORMED', 'lk_short'],
    ['REVOKED', (await insertKey(world, { ...its, revokedAt: past })).secret],
    ['EXPIRED', (await insertKey(world, { ...its, expiresAt: past })).secret],
    ['DISABLED', (await insertKey(world, { ...its, disabledAt: past })).secret],
    ['OWNER_REMOVED', leftKey.secret],
    ['ROTATED', rotated.secret],
    ['IP_NOT_ALLOWED', bounded.secret],
    ['REVOKED', revokedToken.token],
    ['EXPIRED', expiredToken.token],
    ['DISABLED', disabledToken],
    ['OWNER_REMOVED', leftToken.token],
  ]
  const documents = [
    ...namesOf('Query').map((name) => `{ ${queryField(name)} }`),
    ...namesOf('Mutation').map((name) => operationOf('mutation', [mutationField(name)])),
    '{ noSuchField }',
    '{ not a document',
  ]
  for (const [reason, secret] of dead)
    for (const document of documents) {
      const { status, headers, data, errors } = await world.gql(secret, document)
      expect(status, `${reason} ${document}`).toBe(401)
      expect(headers.get('www-authenticate')).toMatch(/^Bearer/)
      expect(data ?? null).toBeNull()
      expect(errors).toHaveLength(1)
      expect(errors[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED', reason })
    }
})
