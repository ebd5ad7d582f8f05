import { expect, inject, test } from 'vitest'
import { serverBeside } from '../../postgres/replica/servers.ts'
import { done, seed } from '../../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { inSeconds, mint, rotate as rotateToken } from '../access-token/ask.ts'
import { attempt, directly, verdict } from './ask.ts'

useWorkspace()

let count = 0
const name = (): string => `name ${++count}`
const manages = ['members:read', 'keys:read', 'keys:create', 'keys:update', 'agents:read']
const asOwner = (mutation: string, selection: string, input: object): Promise<any> =>
  done(world, workspace.secret, mutation, selection, { ...input })

/** A key of a machine user whose first secret is being replaced. */
interface Replaced {
  readonly id: string
  readonly memberId: string
  readonly old: string
  readonly new: string
  /** Until when the old one was planned to live. */
  readonly end: string
  readonly rotatedAt: string
}

/** A key made with this secret, or with this token, that ends at `expiresAt`. */
const keyBy = (secret: string, expiresAt: string) =>
  seed(world, secret).key({ name: name(), permissions: manages, expiresAt })

/** The old secret makes something before and after it is replaced, by every road that there is. */
async function replaced(rotation: object = {}): Promise<{ key: Replaced; made: string[] }> {
  const robot = await make.machine({ name: name(), role: 'ADMIN' })
  const { id, secret: old } = await make.key({
    name: name(),
    ownerId: robot.userId,
    permissions: manages,
  })
  const early = await mint(world, old)
  const { secret, apiKey } = await asOwner(
    'rotateApiKey',
    'secret apiKey { previousSecretExpiresAt rotatedAt }',
    { id, overlapSeconds: 600, ...rotation },
  )
  const end: string = apiKey.previousSecretExpiresAt
  const soon = inSeconds(60).toISOString()
  const late = await rotateToken(world, (await mint(world, old)).token)
  const made = await keyBy(old, end)
  const grandchild = await keyBy(made.secret, end)
  const made2 = await rotateToken(world, (await mint(world, made.secret)).token)
  const byTokens = [await keyBy(early.token, soon), await keyBy(late.token, soon)]
  const key = { id, memberId: robot.id, old, new: secret, end, rotatedAt: apiKey.rotatedAt }
  const keys = [made, grandchild, ...byTokens].map((it) => it.secret)
  return { key, made: [old, early.token, late.token, made2.token, ...keys] }
}

const outcomes = async (secrets: readonly string[]): Promise<string[]> => {
  const found: string[] = []
  for (const secret of secrets) {
    const { status, errors } = await world.gql(secret, '{ viewer { kind } }')
    found.push(status === 200 ? 'ACCEPTED' : String(errors[0]?.extensions.reason))
  }
  return found
}

const rewrite = (model: 'apiKey' | 'apiKeySecret', where: object, data: object): Promise<void> =>
  directly(world, workspace.id, async (prisma) => {
    const change = { where: { workspaceId: workspace.id, ...where }, data }
    await (model === 'apiKey'
      ? prisma.apiKey.updateMany(change)
      : prisma.apiKeySecret.updateMany(change))
  })

interface End {
  readonly way: string
  readonly end: (key: Replaced) => Promise<unknown>
  readonly keyLivesOn?: true
  /** Of the rotation before. */
  readonly retirePreviousOnFirstUse?: true
}

/** How an old secret ends: as planned, sooner, or with its key. */
const ends: readonly End[] = [
  {
    way: 'its overlap is over',
    keyLivesOn: true,
    end: ({ id }) =>
      rewrite('apiKeySecret', { keyId: id, endsAt: { not: null } }, { endsAt: inSeconds(-1) }),
  },
  {
    way: 'the new secret is rotated',
    keyLivesOn: true,
    end: async ({ id, new: secret, rotatedAt }) => {
      expect(await verdict(world, secret)).toBe('ACCEPTED')
      await asOwner('rotateApiKey', 'secret', { id, expectedRotatedAt: rotatedAt })
    },
  },
  {
    way: 'the new secret is first used',
    keyLivesOn: true,
    retirePreviousOnFirstUse: true,
    end: ({ new: secret }) => verdict(world, secret),
  },
  {
    way: 'the key is transferred',
    end: async ({ id }) => {
      const { userId } = await make.machine({ name: name(), role: 'ADMIN' })
      await asOwner('transferApiKey', 'secret', { id, ownerId: userId })
    },
  },
  { way: 'the key is revoked', end: ({ id }) => asOwner('revokeApiKey', '__typename', { id }) },
  {
    way: 'the owner of the key is removed',
    end: ({ memberId }) => asOwner('removeMember', '__typename', { id: memberId }),
  },
  {
    way: 'the key expires sooner',
    end: ({ id }) => rewrite('apiKey', { id }, { expiresAt: inSeconds(-1) }),
  },
  {
    way: 'the lifetime policy ends the key',
    end: async ({ id }) => {
      await rewrite('apiKey', { id }, { createdAt: inSeconds(-3 * 86_400) })
      await asOwner('updateWorkspace', '__typename', { maxKeyLifetimeDays: 1 })
    },
  },
]

// Whoever has an old secret for a while must not keep anything of it for longer.
test.each(ends)(
  'createApiKey, createAccessToken: what a replaced secret made ends when $way',
  async ({ end, keyLivesOn, retirePreviousOnFirstUse }) => {
    const { key, made } = await replaced({ retirePreviousOnFirstUse })
    expect(await outcomes(made)).toEqual(made.map(() => 'ACCEPTED'))
    await end(key)
    const after = await outcomes(made)
    await asOwner('updateWorkspace', '__typename', { maxKeyLifetimeDays: null })
    expect(after.filter((outcome) => outcome === 'ACCEPTED')).toEqual([])
    if (keyLivesOn) expect(await verdict(world, key.new)).toBe('ACCEPTED')
  },
)

test('rotateApiKey: what the new secret makes lives on when the old one ends', async () => {
  const { key } = await replaced()
  const lasting = [
    (await seed(world, key.new).key({ name: name(), permissions: manages })).secret,
    (await mint(world, key.new)).token,
  ]
  await asOwner('rotateApiKey', 'secret', { id: key.id, expectedRotatedAt: key.rotatedAt })
  expect(await outcomes([key.old, key.new, ...lasting])).toEqual([
    'ROTATED',
    'ACCEPTED',
    'ACCEPTED',
    'ACCEPTED',
  ])
})

test('createApiKey: a key that has ended with an old secret is expired, frees its name and changes no more', async () => {
  const { key } = await replaced()
  const title = name()
  const made = await seed(world, key.old).key({
    name: title,
    permissions: manages,
    expiresAt: key.end,
  })
  const shown = async () => {
    const query = `query ($id: ID!) { apiKey(id: $id) { status effectiveExpiresAt }
      apiKeys(filter: { status: ACTIVE, search: "${title}" }) { nodes { id } } }`
    const { data } = await world.gql(workspace.secret, query, { id: made.id })
    return [data.apiKey.status, data.apiKey.effectiveExpiresAt, data.apiKeys.nodes.length]
  }
  expect(await shown()).toEqual(['ACTIVE', key.end, 1])
  await asOwner('rotateApiKey', 'secret', {
    id: key.id,
    overlapSeconds: 0,
    expectedRotatedAt: key.rotatedAt,
  })
  const [status, end, active] = await shown()
  expect([status, active]).toEqual(['EXPIRED', 0])
  expect(new Date(end).getTime()).toBeLessThanOrEqual(Date.now())
  for (const mutation of ['updateApiKey', 'rotateApiKey', 'disableApiKey'])
    expect((await attempt(world, workspace.secret, mutation, { id: made.id })).codes).toEqual([
      'WRONG_STATE',
    ])
  const { ownerId } = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id: made.id } })
  expect((await make.key({ name: title, ownerId })).id).not.toBe(made.id)
})

// It would have to end with both.
test('createApiKey: what would have to end with two secrets is EXPIRY_NOT_ALLOWED', async () => {
  const { key } = await replaced()
  const made = await keyBy(key.old, key.end)
  const again = await asOwner('rotateApiKey', 'secret apiKey { previousSecretExpiresAt }', {
    id: made.id,
    overlapSeconds: 60,
  })
  const input = { name: name(), expiresAt: inSeconds(30).toISOString() }
  const refused = await attempt(world, made.secret, 'createApiKey', input)
  expect([refused.codes, refused.paths]).toEqual([['EXPIRY_NOT_ALLOWED'], [['input', 'expiresAt']]])
  const token = await mint(world, made.secret)
  expect((await attempt(world, token.token, 'createApiKey', input)).codes).toEqual([
    'EXPIRY_NOT_ALLOWED',
  ])
  expect((await attempt(world, again.secret, 'createApiKey', input)).codes).toEqual([])
})

// A key that is there already, and of which it was given nothing, would end with it or outlive it.
test('updateApiKey, rotateApiKey, transferApiKey, enableApiKey: a replaced secret makes no other key grow', async () => {
  const { key } = await replaced()
  const scopeId = await make.scope({ name: name(), permissions: ['agents:read'] })
  const { ownerId } = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id: key.id } })
  const expiresAt = inSeconds(120).toISOString()
  const other = await make.key({
    name: name(),
    ownerId,
    expiresAt,
    scopeIds: [scopeId],
    spaces: [],
  })
  const { id } = other
  const refused = { codes: ['EXPIRY_NOT_ALLOWED'] }
  const grows = { id, permissions: ['keys:read'] }
  expect(await attempt(world, key.old, 'updateApiKey', grows)).toMatchObject(refused)
  expect(await attempt(world, key.old, 'rotateApiKey', { id })).toMatchObject(refused)
  const robot = await make.machine({ name: name(), role: 'MEMBER' })
  const given = { id, ownerId: robot.userId }
  expect(await attempt(world, key.old, 'transferApiKey', given)).toMatchObject(refused)
  const narrows = { id, scopeIds: [] }
  expect((await attempt(world, key.old, 'updateApiKey', narrows)).codes).toEqual([])
  await asOwner('disableApiKey', '__typename', { id })
  expect(await attempt(world, key.old, 'enableApiKey', { id })).toMatchObject(refused)
})

// Three rotations of a token kept somebody in who had left.
test('transferApiKey: nothing of a leaver stays, however often they rotated a token', async () => {
  const admin = await make.machine({ name: name(), role: 'ADMIN' })
  const key = await make.key({ name: name(), permissions: manages, ownerId: admin.userId })
  let { token } = await mint(world, key.secret)
  await asOwner('rotateApiKey', 'secret', { id: key.id, overlapSeconds: 600 })
  for (let round = 0; round < 3; round += 1) token = (await rotateToken(world, token)).token
  const made = await keyBy(token, inSeconds(500).toISOString())
  const robot = await make.machine({ name: name(), role: 'ADMIN' })
  await asOwner('transferApiKey', 'secret', { id: key.id, ownerId: robot.userId })
  const kept = await outcomes([token, made.secret, key.secret])
  expect(kept).not.toContain('ACCEPTED')
})

// Its expiry can be lifted by an admin; that it ends with a secret cannot.
test('updateApiKey: a key that ends with an old secret stays bounded where its expiry is lifted', async () => {
  const robot = await make.machine({ name: name(), role: 'ADMIN' })
  const all = { permissions: ['*'], allSpaces: true, ownerId: robot.userId }
  const key = await make.key({ name: name(), ...all })
  const { apiKey } = await asOwner('rotateApiKey', 'apiKey { previousSecretExpiresAt }', {
    id: key.id,
    overlapSeconds: 600,
  })
  const expiresAt = apiKey.previousSecretExpiresAt
  const { id } = await seed(world, key.secret).key({ name: name(), ...all, expiresAt })
  const { secret } = await asOwner('rotateApiKey', 'secret', { id, overlapSeconds: 0 })
  const lifted = await asOwner('updateApiKey', 'apiKey { expiresAt effectiveExpiresAt }', {
    id,
    expiresAt: null,
  })
  expect(lifted.apiKey).toEqual({ expiresAt: null, effectiveExpiresAt: expiresAt })
  const person = { email: `${name().replace(' ', '')}@example.com`, role: 'MEMBER' }
  expect((await attempt(world, secret, 'addMember', person)).codes).toEqual([
    'PERMISSION_NOT_GRANTABLE',
  ])
  const made = await seed(world, secret).key({ name: name(), ownerId: robot.userId })
  const { effectiveExpiresAt } = (
    await world.gql(made.secret, '{ viewer { apiKey { effectiveExpiresAt } } }')
  ).data.viewer.apiKey
  expect(effectiveExpiresAt).toBe(expiresAt)
})

if (inject('postgres'))
  test('rotateApiKey: another server refuses what an old secret made as soon as it is answered', async () => {
    const front = { ...world, gql: (await serverBeside(world)).gql }
    for (let round = 0; round < 5; round += 1) {
      const { key } = await replaced()
      const made = await keyBy(key.old, key.end)
      const { token } = await mint(world, made.secret)
      for (const secret of [made.secret, token])
        expect((await front.gql(secret, '{ viewer { kind } }')).status).toBe(200)
      const { id, rotatedAt: expectedRotatedAt } = key
      await asOwner('rotateApiKey', 'secret', { id, overlapSeconds: 0, expectedRotatedAt })
      for (const secret of [made.secret, token])
        expect((await front.gql(secret, '{ viewer { kind } }')).status).toBe(401)
    }
  })
