import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { refusal } from '../../input/nothing-stored.ts'
import { publicUrl } from '../../setup/deps.ts'
import { done } from '../../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { view } from '../../setup/view.ts'
import { answerTo, inSeconds, mint, rewrite, rotate, stored, verdict } from './ask.ts'

useWorkspace()

let count = 0
const makeKey = (input: object = {}): Promise<{ id: string; secret: string }> =>
  make.key({ name: `key ${++count}`, permissions: ['agents:read'], spaces: [], ...input })

const rotation = 'mutation { rotateAccessToken(input: {}) { token errors { code path } } }'

const snapshotOf = async (token: { id: string }): Promise<unknown> => {
  const { permissions, allSpaces, spaceIds, narrowings, audience, keyId, familyId } = await stored(
    world,
    token,
  )
  return { permissions, allSpaces, spaceIds, narrowings, audience, keyId, familyId }
}

test('a successor is another token with the same rights, and its predecessor is dead at once', async () => {
  const spaces = [await make.space({ name: 'one' }), await make.space({ name: 'two' })]
  const key = await makeKey({
    permissions: ['agents:*', 'members:read'],
    spaces: [{ spaceId: spaces[0] }, { spaceId: spaces[1], permissions: ['agents:read'] }],
  })
  const audience = ['https://api.example.com', publicUrl]
  const input = { audience, permissions: ['agents:*'], expiresInSeconds: 300 }
  const first = await mint(world, key.secret, input)
  const before = await view(world, first.token)
  const second = await rotate(world, first.token)
  expect(second.token).not.toBe(first.token)
  expect(second.id).not.toBe(first.id)
  expect(await view(world, second.token)).toEqual(before)
  expect(await snapshotOf(second)).toEqual(await snapshotOf(first))
  const [old, claims] = [decodeJwt(first.token), decodeJwt(second.token)]
  for (const name of ['aud', 'scope', 'sub', 'latchkey:spaces', 'latchkey:user'])
    expect(claims[name]).toEqual(old[name])
  expect(claims.exp).toBeGreaterThan(old.exp ?? Infinity)
  expect(await verdict(world, first.token)).toBe('401 ROTATED')

  const third = await rotate(world, second.token, { expiresInSeconds: 60 })
  expect(third.expiresInSeconds).toBe(60)
  const ends = await Promise.all([first, second, third].map((token) => stored(world, token)))
  expect(new Set(ends.map(({ familyExpiresAt }) => familyExpiresAt.getTime())).size).toBe(1)
  expect(ends.map(({ predecessorId }) => predecessorId)).toEqual([null, first.id, second.id])
  const { data } = await world.gql(
    workspace.secret,
    `query ($a: ID!, $b: ID!, $c: ID!) { a: accessToken(id: $a) { status } b: accessToken(id: $b) { status }
      c: accessToken(id: $c) { status predecessorId } }`,
    { a: first.id, b: second.id, c: third.id },
  )
  expect(data).toEqual({
    a: { status: 'ROTATED' },
    b: { status: 'ROTATED' },
    c: { status: 'ACTIVE', predecessorId: second.id },
  })
})

// Two tabs, or a response that was lost: the client goes on with the one successor there is.
test('of rotations at once exactly one wins, the others conflict, and the family lives', async () => {
  const key = await makeKey()
  for (let round = 0; round < 4; round += 1) {
    const { id, token } = await mint(world, key.secret)
    const answers = await Promise.all(Array.from({ length: 4 }, () => world.gql(token, rotation)))
    const payloads = answers.map(({ data }) => data.rotateAccessToken)
    const won = payloads.filter((payload) => payload.token !== null)
    expect(won).toHaveLength(1)
    for (const payload of payloads)
      if (payload !== won[0])
        expect(payload.errors).toEqual([{ code: 'CONFLICT', path: ['input'] }])
    const family = await world.deps.prisma.accessToken.findMany({ where: { familyId: id } })
    expect(family).toHaveLength(2)
    expect(family.filter(({ revokedAt }) => revokedAt !== null)).toEqual([])
    expect(await verdict(world, won[0].token)).toBe('ACCEPTED')
  }
})

test('two rotations in one operation make one successor', async () => {
  const { token } = await mint(world, (await makeKey()).secret)
  const { data } = await world.gql(
    token,
    `mutation { a: rotateAccessToken(input: {}) { token errors { code } }
      b: rotateAccessToken(input: {}) { token errors { code } }
      c: revokeAccessToken(input: {}) { errors { code } } }`,
  )
  expect(data.a.errors).toEqual([])
  expect(data.b).toEqual({ token: null, errors: [{ code: 'CONFLICT' }] })
  // The rest of an operation is asked by a token that has been replaced meanwhile.
  expect(data.c).toBeNull()
  expect(await verdict(world, data.a.token)).toBe('ACCEPTED')
})

test('a family ends 24 hours after its first token: a successor is cut to that, then refused', async () => {
  const first = await mint(world, (await makeKey()).secret)
  const familyExpiresAt = inSeconds(120)
  await rewrite(world, workspace.id, [first], { familyExpiresAt })
  expect(await refusal(world, first.token, 'rotateAccessToken', { expiresInSeconds: 121 })).toEqual(
    ['EXPIRY_NOT_ALLOWED input.expiresInSeconds'],
  )
  const second = await rotate(world, first.token)
  const end = Math.floor(familyExpiresAt.getTime() / 1_000) * 1_000
  expect((await stored(world, second)).expiresAt.getTime()).toBe(end)
  expect(second.expiresInSeconds).toBeLessThanOrEqual(120)
  await rewrite(world, workspace.id, [second], { familyExpiresAt: new Date() })
  expect(await refusal(world, second.token, 'rotateAccessToken', {})).toEqual([
    'EXPIRY_NOT_ALLOWED input.expiresInSeconds',
  ])
  expect(await verdict(world, second.token)).toBe('ACCEPTED')
})

test('a rotation is bound like a minting: by the key, and by what a lifetime can be', async () => {
  const key = await makeKey({ expiresAt: inSeconds(600).toISOString() })
  const first = await mint(world, key.secret, { expiresInSeconds: 60 })
  for (const expiresInSeconds of [0, -1, 59, 3_601])
    expect(await refusal(world, first.token, 'rotateAccessToken', { expiresInSeconds })).toEqual([
      'INVALID input.expiresInSeconds',
    ])
  expect(await refusal(world, first.token, 'rotateAccessToken', { expiresInSeconds: 601 })).toEqual(
    ['EXPIRY_NOT_ALLOWED input.expiresInSeconds'],
  )
  // Also where the key has been shortened since.
  const later = { id: key.id, expiresAt: inSeconds(300).toISOString() }
  await done(world, workspace.secret, 'updateApiKey', '__typename', later)
  expect(await refusal(world, first.token, 'rotateAccessToken', { expiresInSeconds: 400 })).toEqual(
    ['EXPIRY_NOT_ALLOWED input.expiresInSeconds'],
  )
  const second = await rotate(world, first.token)
  expect(second.expiresInSeconds).toBeLessThanOrEqual(300)
})

// What a token was minted with stays in the family; what its key has gained does not come in.
test('a successor of a token whose key was widened or narrowed is no stronger, and no weaker', async () => {
  const space = await make.space({ name: 'grown' })
  const key = await makeKey({ permissions: ['agents:read', 'members:read'] })
  const first = await mint(world, key.secret)
  const change = (input: object): Promise<unknown> =>
    done(world, workspace.secret, 'updateApiKey', '__typename', { id: key.id, ...input })
  await change({ permissions: ['*'], spaces: [{ spaceId: space }] })
  const second = await rotate(world, first.token)
  expect(await view(world, second.token)).toEqual({
    permissions: ['members:read'],
    allSpaces: false,
    spaces: {},
  })
  await change({ permissions: ['agents:read'], spaces: [] })
  const third = await rotate(world, second.token)
  expect(decodeJwt(third.token).scope).toBe('')
  expect(await view(world, third.token)).toMatchObject({ permissions: [] })
  await change({ permissions: ['agents:read', 'members:read'] })
  expect(await view(world, third.token)).toMatchObject({ permissions: ['members:read'] })
})

test('a token with no permission at all rotates', async () => {
  const { token } = await mint(world, (await makeKey()).secret, { permissions: [] })
  expect(await answerTo(world, token, rotation)).toBe('200')
})
