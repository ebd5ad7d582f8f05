import { beforeAll, expect, test } from 'vitest'
import { newId } from '../../../src/ids.ts'
import { insertKey } from '../../auth/insert-key.ts'
import { storesNothing } from '../../input/nothing-stored.ts'
import { addHuman, humanKey } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { done } from '../../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { answerTo, inSeconds, mint, rewrite, rotate, stored, verdict } from './ask.ts'

let a: string
let b: string

useWorkspace()
beforeAll(async () => {
  a = await make.space({ name: 'A' })
  b = await make.space({ name: 'B' })
})

let count = 0
const makeKey = (input: object = {}): Promise<{ id: string; secret: string }> =>
  make.key({ name: `key ${++count}`, ...input })

const revoke = (secret: string, input: object = {}): Promise<string[]> =>
  outcome(world, secret, 'revokeAccessToken', { ...input })

const alive = 'ACCEPTED'
const dead = '401 REVOKED'

// Who suspects a leak ends the token that leaked, without any permission, and nothing else.
test('a token revokes itself, and a key its own, without any permission', async () => {
  const key = await makeKey()
  const [first, second, third] = [
    await mint(world, key.secret),
    await mint(world, key.secret),
    await mint(world, key.secret),
  ]
  const answer = 'accessToken { id status revokedAt }'
  const { accessToken } = await done(world, first.token, 'revokeAccessToken', answer, {})
  expect(accessToken).toEqual({
    id: first.id,
    status: 'REVOKED',
    revokedAt: (await stored(world, first)).revokedAt?.toISOString(),
  })
  expect(await verdict(world, first.token)).toBe(dead)
  expect(await revoke(second.token, { id: second.id })).toEqual(['done'])
  expect(await verdict(world, second.token)).toBe(dead)
  expect(await verdict(world, third.token)).toBe(alive)
  expect(await revoke(key.secret, { id: third.id })).toEqual(['done'])
  expect(await verdict(world, third.token)).toBe(dead)
  expect(await verdict(world, key.secret)).toBe(alive)
  expect(await revoke(key.secret)).toEqual(['INVALID input.id'])
  expect(await revoke(key.secret, { id: null })).toEqual(['INVALID input.id'])
})

test('without tokens:delete every other id is the same FORBIDDEN, whatever it names', async () => {
  const other = await world.createWorkspace()
  const foreign = await mint(world, other.secret)
  const owners = await mint(world, workspace.secret)
  const key = await makeKey({ permissions: ['tokens:read'] })
  const sibling = await mint(world, key.secret)
  const { token } = await mint(world, key.secret)
  const ids = [owners.id, foreign.id, newId('tok'), key.id, 'x', '']
  await storesNothing(world, async () => {
    for (const [secret, more] of [
      [key.secret, []],
      // A token's siblings are not its own.
      [token, [sibling.id]],
    ] as const)
      for (const id of [...ids, ...more]) {
        const query = `mutation { revokeAccessToken(input: { id: "${id}" }) { errors { code } } }`
        const { status, data, errors } = await world.gql(secret, query)
        expect([id, status, data]).toEqual([id, 200, { revokeAccessToken: null }])
        expect(errors.map(({ message, extensions }) => ({ message, ...extensions }))).toEqual([
          {
            message: 'This needs tokens:delete.',
            code: 'FORBIDDEN',
            requiredPermissions: ['tokens:delete'],
            missingPermissions: ['tokens:delete'],
            requestId: expect.any(String),
          },
        ])
      }
  })
})

test('by tokens:delete, of those that the caller sees; every other id is NOT_FOUND', async () => {
  const other = await world.createWorkspace()
  const foreign = await mint(world, other.secret)
  const inB = await mint(world, workspace.secret, { spaceIds: [b] })
  const everywhere = await mint(world, workspace.secret)
  const permissions = ['tokens:read', 'tokens:delete']
  const limited = await makeKey({ permissions, spaces: [{ spaceId: a }] })
  await storesNothing(world, async () => {
    for (const id of [foreign.id, inB.id, everywhere.id, newId('tok'), workspace.keyId, 'x', ''])
      expect([id, await revoke(limited.secret, { id })]).toEqual([id, ['NOT_FOUND input.id']])
    expect(await revoke(workspace.secret, { id: foreign.id })).toEqual(['NOT_FOUND input.id'])
  })
  const inA = await mint(world, workspace.secret, { spaceIds: [a] })
  expect(await revoke(limited.secret, { id: inA.id })).toEqual(['done'])
  expect(await verdict(world, inA.token)).toBe(dead)
  for (const { token } of [foreign, inB, everywhere])
    expect(await verdict(world, token)).toBe(alive)
  const by = await mint(world, limited.secret)
  const another = await mint(world, workspace.secret, { spaceIds: [a] })
  expect(await revoke(by.token, { id: another.id })).toEqual(['done'])
})

test("an OWNER's token is revoked by no ADMIN, but by who holds members:own", async () => {
  const admin = await make.machine({ name: 'admin', role: 'ADMIN' })
  const everything = { permissions: ['*'], allSpaces: true }
  const key = await makeKey({ ...everything, ownerId: admin.userId })
  const owners = await mint(world, workspace.secret)
  await storesNothing(world, async () => {
    expect(await revoke(key.secret, { id: owners.id })).toEqual(['FORBIDDEN members:own'])
    expect(
      await outcome(world, key.secret, 'revokeAccessTokens', { apiKeyId: workspace.keyId }),
    ).toEqual(['FORBIDDEN members:own'])
  })
  const other = await addHuman(world, workspace, 'OWNER')
  const without = await humanKey(world, workspace, other, {
    permissions: ['tokens:*'],
    allSpaces: true,
  })
  expect(await revoke(without.secret, { id: owners.id })).toEqual(['FORBIDDEN members:own'])
  const their = await humanKey(world, workspace, other, everything)
  expect(await revoke(their.secret, { id: owners.id })).toEqual(['done'])
  const robots = await mint(world, key.secret)
  expect(await revoke(workspace.secret, { id: robots.id })).toEqual(['done'])
})

test('a BUILDER revokes the tokens of their own keys, and no other is there', async () => {
  const [one, two] = [
    await make.machine({ name: 'one', role: 'BUILDER', spaceIds: [a] }),
    await make.machine({ name: 'two', role: 'BUILDER', spaceIds: [a] }),
  ]
  const permissions = ['*']
  const terms = { workspaceId: workspace.id, permissions, spaceIds: [a] }
  const [mine, mineToo, theirs] = [
    await insertKey(world, { ...terms, ownerId: one.userId }),
    await insertKey(world, { ...terms, ownerId: one.userId }),
    await insertKey(world, { ...terms, ownerId: two.userId }),
  ]
  const [own, others] = [await mint(world, mineToo.secret), await mint(world, theirs.secret)]
  expect(await revoke(mine.secret, { id: others.id })).toEqual(['NOT_FOUND input.id'])
  expect(await outcome(world, mine.secret, 'revokeAccessTokens', { apiKeyId: theirs.id })).toEqual([
    'NOT_FOUND input.apiKeyId',
  ])
  expect(await revoke(mine.secret, { id: own.id })).toEqual(['done'])
  expect(await verdict(world, own.token)).toBe(dead)
  expect(await verdict(world, others.token)).toBe(alive)
})

// The first time is evidence: nobody may write over it.
test('repeating a revocation changes nothing', async () => {
  const token = await mint(world, workspace.secret)
  expect(await revoke(workspace.secret, { id: token.id })).toEqual(['done'])
  await storesNothing(world, async () => {
    expect(await revoke(workspace.secret, { id: token.id })).toEqual(['done'])
    const query = 'mutation { revokeAccessToken(input: {}) { errors { code } } }'
    expect(await answerTo(world, token.token, query)).toBe(dead)
  })
  const expired = await mint(world, workspace.secret)
  await rewrite(world, workspace.id, [expired], { expiresAt: inSeconds(-1) })
  await storesNothing(world, async () =>
    expect(await revoke(workspace.secret, { id: expired.id })).toEqual(['done']),
  )
})

test('revokeAccessTokens ends the tokens of one key and counts them; the key stays', async () => {
  const key = await makeKey()
  const all = async (secret: string, apiKeyId: string): Promise<number> => {
    const input = { apiKeyId }
    return (await done(world, secret, 'revokeAccessTokens', 'revokedCount', input)).revokedCount
  }
  expect(await all(key.secret, key.id)).toBe(0)
  const tokens = [await mint(world, key.secret), await mint(world, key.secret)]
  const [gone, over] = [await mint(world, key.secret), await mint(world, key.secret)]
  await revoke(key.secret, { id: gone.id })
  const { revokedAt } = await stored(world, gone)
  await rewrite(world, workspace.id, [over], { expiresAt: inSeconds(-1) })
  const successor = await rotate(world, tokens[0]?.token ?? '')
  const stranger = await mint(world, workspace.secret)

  // Both that live, and the one that could still tell of a theft.
  expect(await all(key.secret, key.id)).toBe(3)
  for (const { token } of [...tokens, successor]) expect(await verdict(world, token)).toBe(dead)
  expect((await stored(world, gone)).revokedAt).toEqual(revokedAt)
  expect((await stored(world, over)).revokedAt).toBeNull()
  for (const secret of [stranger.token, key.secret])
    expect(await verdict(world, secret)).toBe(alive)
  expect(await all(workspace.secret, key.id)).toBe(0)
  await mint(world, key.secret)
  expect(await all(workspace.secret, key.id)).toBe(1)

  const other = await world.createWorkspace()
  await storesNothing(world, async () => {
    for (const apiKeyId of [other.keyId, newId('key'), stranger.id, 'x', ''])
      expect(await outcome(world, workspace.secret, 'revokeAccessTokens', { apiKeyId })).toEqual([
        'NOT_FOUND input.apiKeyId',
      ])
    for (const apiKeyId of [other.keyId, workspace.keyId, newId('key')])
      expect(await outcome(world, key.secret, 'revokeAccessTokens', { apiKeyId })).toEqual([
        'FORBIDDEN tokens:delete',
      ])
  })
})
