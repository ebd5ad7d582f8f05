import { beforeEach, expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { inSeconds, mint } from '../access-token/ask.ts'
import { attempt, verdict } from './ask.ts'

let workspace: TestWorkspace
let make: ReturnType<typeof seed>
let robot: string

useWorld()

beforeEach(async () => {
  workspace = await world.createWorkspace()
  make = seed(world, workspace.secret)
  robot = (await make.machine({ name: 'Robot', role: 'ADMIN' })).userId
})

let count = 0
const name = (): string => `name ${++count}`
const manages = ['members:read', 'keys:read', 'keys:create', 'keys:update']
const makeKey = (input: object = {}, secret = workspace.secret) =>
  seed(world, secret).key({ name: name(), ownerId: robot, permissions: manages, ...input })

/** Rotates the key on behalf of another one, or of itself; by default no older secret works on. */
async function rotate(id: string, secret = workspace.secret, overlapSeconds = 0): Promise<string> {
  const { rotatedAt } = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id } })
  const expectedRotatedAt = rotatedAt?.toISOString()
  const input = { id, overlapSeconds, ...(expectedRotatedAt && { expectedRotatedAt }) }
  return (await done(world, secret, 'rotateApiKey', 'secret', input)).secret
}

const revoke = (id: string): Promise<any> =>
  done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id, includeCreated: true })

const verdicts = (secrets: readonly string[]) =>
  Promise.all(secrets.map((secret) => verdict(world, secret)))

// Whoever took a key over goes on by it, however little they made themselves.
test('revokeApiKey(includeCreated): takes the keys whose present secret was given to this one, and theirs', async () => {
  const thief = await makeKey()
  const taken = await makeKey()
  const secret = await rotate(taken.id, thief.secret)
  const made = await makeKey({}, secret)
  const further = await makeKey()
  const { token } = await mint(world, made.secret)
  const expiresAt = inSeconds(60).toISOString()
  const byToken = await makeKey({ expiresAt })
  await done(world, token, 'rotateApiKey', 'secret', { id: byToken.id, overlapSeconds: 0 })
  const last = await rotate(further.id, made.secret)
  const itself = await rotate(further.id, last)
  const other = await makeKey()
  const { revokedCount } = await revoke(thief.id)
  expect(revokedCount).toBe(5)
  const ended = await verdicts([thief.secret, secret, made.secret, itself, byToken.secret])
  expect(ended.slice(0, 4)).toEqual(Array(4).fill('401 REVOKED'))
  expect(ended[4]).not.toBe('ACCEPTED')
  expect(await verdict(world, other.secret)).toBe('ACCEPTED')
})

test('revokeApiKey(includeCreated): leaves a key that was taken back', async () => {
  const thief = await makeKey()
  const taken = await makeKey()
  await rotate(taken.id, thief.secret)
  const back = await rotate(taken.id)
  expect((await revoke(thief.id)).revokedCount).toBe(1)
  expect(await verdict(world, back)).toBe('ACCEPTED')
})

// It would let the thief in for up to 7 days.
test('revokeApiKey(includeCreated): ends a replaced secret that was given to this one or to theirs', async () => {
  const thief = await makeKey()
  const made = await makeKey({}, thief.secret)
  const kept: { given: string; back: string }[] = []
  for (const by of [thief.secret, made.secret]) {
    const taken = await makeKey()
    const given = await rotate(taken.id, by)
    expect(await verdict(world, given)).toBe('ACCEPTED')
    const back = await rotate(taken.id, workspace.secret, 3_600)
    expect(await verdicts([given, back])).toEqual(['ACCEPTED', 'ACCEPTED'])
    kept.push({ given, back })
  }
  expect((await revoke(thief.id)).revokedCount).toBe(2)
  for (const { given, back } of kept)
    expect(await verdicts([given, back])).toEqual(['401 ROTATED', 'ACCEPTED'])
})

// The key is its new holder's, not what a secret of it made before.
test('revokeApiKey(includeCreated): takes what a replaced secret made that was given, by itself and by a token', async () => {
  const thief = await makeKey()
  const taken = await makeKey()
  const secret = await rotate(taken.id, thief.secret)
  const itself = await rotate(taken.id, secret)
  const made = await makeKey({}, itself)
  const { token } = await mint(world, itself)
  const expiresAt = inSeconds(60).toISOString()
  const byToken = await makeKey({ expiresAt })
  const given = await done(world, token, 'rotateApiKey', 'secret', { id: byToken.id })
  const back = await rotate(taken.id, workspace.secret, 3_600)
  expect(await verdicts([itself, made.secret])).toEqual(Array(2).fill('ACCEPTED'))
  expect((await revoke(thief.id)).revokedCount).toBe(3)
  expect(await verdicts([itself, made.secret, given.secret, back])).toEqual([
    '401 ROTATED',
    '401 REVOKED',
    '401 REVOKED',
    'ACCEPTED',
  ])
})

test('revokeApiKey(includeCreated): takes what a secret made that has ended since', async () => {
  const thief = await makeKey()
  const taken = await makeKey()
  const made = await makeKey({}, await rotate(taken.id, thief.secret))
  const back = await rotate(taken.id)
  const madeSince = await makeKey({}, back)
  expect((await revoke(thief.id)).revokedCount).toBe(2)
  expect(await verdicts([made.secret, madeSince.secret])).toEqual(['401 REVOKED', 'ACCEPTED'])
})

test('revokeApiKey(includeCreated): ends with keys that were given one another’s secrets', async () => {
  const [one, two] = [await makeKey(), await makeKey()]
  const second = await rotate(two.id, one.secret)
  const first = await rotate(one.id, second)
  expect((await revoke(one.id)).revokedCount).toBe(2)
  expect(await verdicts([first, second])).toEqual(Array(2).fill('401 REVOKED'))
})

test('revokeApiKey: without includeCreated a taken key stays', async () => {
  const thief = await makeKey()
  const taken = await makeKey()
  const secret = await rotate(taken.id, thief.secret)
  const { payload } = await attempt(
    world,
    workspace.secret,
    'revokeApiKey',
    { id: thief.id },
    'revokedCount',
  )
  expect(payload.revokedCount).toBe(1)
  expect(await verdict(world, secret)).toBe('ACCEPTED')
})
