import { expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { directly } from '../api-key/ask.ts'
import { inSeconds, type Minted, mint, rewrite, rotate, stored, verdict } from './ask.ts'

useWorkspace()

let count = 0
const name = (): string => `name ${++count}`
const makeKey = (input: object = {}, secret = workspace.secret) =>
  seed(world, secret).key({ name: name(), ...input })
const asOwner = (mutation: string, input: object): Promise<any> =>
  done(world, workspace.secret, mutation, '__typename', { ...input })

const marks = () =>
  world.deps.prisma.workspace.findUniqueOrThrow({
    where: { id: workspace.id },
    select: { epoch: true, auditSequence: true },
  })

const verdicts = (tokens: readonly Minted[]): Promise<string[]> =>
  Promise.all(tokens.map(({ token }) => verdict(world, token)))

const revokedAts = async (tokens: readonly Minted[]): Promise<(number | undefined)[]> =>
  Promise.all(tokens.map(async (token) => (await stored(world, token)).revokedAt?.getTime()))

/** A key with a token that was rotated, one that lives, one revoked before and one that has expired. */
async function furnished(key: { id: string; secret: string }) {
  const old = await mint(world, key.secret)
  const live = [old, await rotate(world, old.token), await mint(world, key.secret)]
  const [before, expired] = [await mint(world, key.secret), await mint(world, key.secret)]
  await done(world, before.token, 'revokeAccessToken', '__typename', {})
  await rewrite(world, workspace.id, [expired], { expiresAt: inSeconds(-1) })
  return { key, live, before, expired }
}

type Furnished = Awaited<ReturnType<typeof furnished>>

/** The tokens ended with the change, in one transaction, and those that had ended before did not. */
async function expectEnded<T>(its: readonly Furnished[], change: () => Promise<T>, why: string) {
  const before = await revokedAts(its.map((each) => each.before))
  const { epoch } = await marks()
  const payload = await change()
  expect((await marks()).epoch).toBe(epoch + 1n)
  const live = its.flatMap((each) => each.live)
  expect(await verdicts(live)).toEqual(live.map(() => `401 ${why}`))
  const times = await revokedAts(live)
  expect(new Set(times).size).toBe(1)
  const { prisma } = world.deps
  const { at } = await prisma.auditEvent.findFirstOrThrow({
    where: { workspaceId: workspace.id },
    orderBy: { sequence: 'desc' },
  })
  expect(times[0]).toBe(at.getTime())
  expect(await revokedAts(its.map((each) => each.before))).toEqual(before)
  expect(await revokedAts(its.map((each) => each.expired))).toEqual(its.map(() => undefined))
  return payload
}

// What is derived from a key is no longer there than the key is.
test('revoking a key ends its tokens with it', async () => {
  const its = await furnished(await makeKey())
  const sibling = await mint(world, workspace.secret)
  await expectEnded([its], () => asOwner('revokeApiKey', { id: its.key.id }), 'REVOKED')
  expect(await verdict(world, sibling.token)).toBe('ACCEPTED')
})

test('a key that revokes itself, or is revoked by its token, takes its tokens along', async () => {
  const its = await furnished(await makeKey())
  const itself = () => done(world, its.key.secret, 'revokeApiKey', '__typename', { id: its.key.id })
  await expectEnded([its], itself, 'REVOKED')
  const other = await furnished(await makeKey({ permissions: ['keys:read', 'keys:delete'] }))
  const [, present] = other.live
  const byToken = () =>
    done(world, present?.token ?? '', 'revokeApiKey', '__typename', { id: other.key.id })
  await expectEnded([other], byToken, 'REVOKED')
})

test('includeCreated ends the tokens of every key that it takes', async () => {
  const maker = { permissions: ['keys:read', 'keys:create'], allSpaces: true }
  const root = await makeKey(maker)
  const child = await makeKey(maker, root.secret)
  const grandchild = await makeKey({}, child.secret)
  const its = [await furnished(root), await furnished(child), await furnished(grandchild)]
  const input = { id: root.id, includeCreated: true }
  await expectEnded(its, () => asOwner('revokeApiKey', input), 'REVOKED')
})

test('removing a member ends the tokens of all their keys, with that reason, also after a return', async () => {
  const robot = await make.machine({ name: name(), role: 'ADMIN' })
  const own = { ownerId: robot.userId }
  const its = [await furnished(await makeKey(own)), await furnished(await makeKey(own))]
  const removed = () => asOwner('removeMember', { id: robot.id })
  await expectEnded(its, removed, 'OWNER_REMOVED')
  await directly(world, workspace.id, (prisma) =>
    prisma.member.updateMany({ where: { id: robot.id }, data: { removedAt: null } }),
  )
  for (const { live } of its)
    expect(await verdicts(live)).toEqual(live.map(() => '401 OWNER_REMOVED'))
})

test('a transfer ends the tokens, which act for the old owner; the key goes on', async () => {
  const robot = await make.machine({ name: name(), role: 'MEMBER' })
  const its = await furnished(await makeKey({ permissions: ['keys:read'] }))
  const transfer = () =>
    done(world, workspace.secret, 'transferApiKey', 'secret', {
      id: its.key.id,
      ownerId: robot.userId,
    })
  const { secret } = await expectEnded([its], transfer, 'REVOKED')
  const { token } = await mint(world, secret)
  const { data } = await world.gql(token, '{ viewer { user { id } } }')
  expect(data.viewer.user.id).toBe(robot.userId)
})

test('disabling a key stops its tokens, and enabling it resumes them', async () => {
  const { key, live, before, expired } = await furnished(await makeKey())
  const all = [...live, before, expired]
  const enabled = await verdicts(all)
  expect(enabled).toEqual(['401 ROTATED', 'ACCEPTED', 'ACCEPTED', '401 REVOKED', '401 EXPIRED'])
  for (let round = 0; round < 2; round += 1) {
    await asOwner('disableApiKey', { id: key.id })
    expect(await verdicts(all)).toEqual([
      '401 ROTATED',
      '401 DISABLED',
      '401 DISABLED',
      '401 REVOKED',
      '401 EXPIRED',
    ])
    await asOwner('enableApiKey', { id: key.id })
    expect(await verdicts(all)).toEqual(enabled)
  }
  expect(await revokedAts(live)).toEqual([undefined, undefined, undefined])
})

test('a rotation of the key leaves its tokens for as long as the secret that minted them', async () => {
  const key = await makeKey()
  const { token } = await mint(world, key.secret)
  await asOwner('rotateApiKey', { id: key.id, overlapSeconds: 60 })
  expect(await verdict(world, token)).toBe('ACCEPTED')
  const ended = await makeKey()
  const gone = await mint(world, ended.secret)
  await asOwner('rotateApiKey', { id: ended.id, overlapSeconds: 0 })
  expect(await verdict(world, gone.token)).toBe('401 EXPIRED')
})

test('a key that has expired, by itself or by the policy, has no tokens that pass', async () => {
  const other = await world.createWorkspace()
  const key = await seed(world, other.secret).key({ name: name() })
  const { token } = await mint(world, key.secret)
  const update = (maxKeyLifetimeDays: number | null) =>
    done(world, other.secret, 'updateWorkspace', '__typename', { maxKeyLifetimeDays })
  await directly(world, other.id, (prisma) =>
    prisma.apiKey.updateMany({
      where: { id: key.id },
      data: { createdAt: inSeconds(-2 * 86_400) },
    }),
  )
  await update(1)
  expect(await verdict(world, token)).toBe('401 EXPIRED')
  await update(null)
  expect(await verdict(world, token)).toBe('ACCEPTED')
  await directly(world, other.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: key.id }, data: { expiresAt: inSeconds(-1) } }),
  )
  expect(await verdict(world, token)).toBe('401 EXPIRED')
  const revoked = { id: key.id }
  await done(world, other.secret, 'revokeApiKey', '__typename', revoked)
  expect(await verdict(world, token)).toBe('401 REVOKED')
})
