import { beforeEach, expect, test } from 'vitest'
import { addHuman, humanKey } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import { view } from '../../setup/view.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { directly } from '../api-key/ask.ts'

let workspace: TestWorkspace

let count = 0
const name = (): string => `Name ${++count}`
const day = 86_400_000
const inDays = (days: number): Date => new Date(Date.now() + days * day)
const policy = ['workspace:read', 'workspace:update']
const at = (...codes: string[]) => codes.map((code) => `${code} input.maxKeyLifetimeDays`)
/** What stands in the way of who has little, where a key has all in all spaces. */
const ofAllSpaces = at('PERMISSION_NOT_GRANTABLE', 'SPACE_NOT_GRANTABLE')

useWorld()

beforeEach(async () => {
  workspace = await world.createWorkspace()
})

const make = (input: object = {}) => seed(world, workspace.secret).key({ name: name(), ...input })
const relax = (secret: string, maxKeyLifetimeDays: number | null = null) =>
  outcome(world, secret, 'updateWorkspace', { maxKeyLifetimeDays })

/** The policy as it is, and keys so many days old. */
const given = (maxKeyLifetimeDays: number, ages: readonly (readonly [string, number])[]) =>
  directly(world, workspace.id, async (prisma) => {
    for (const [id, days] of ages)
      await prisma.apiKey.updateMany({ where: { id }, data: { createdAt: inDays(-days) } })
    await prisma.workspace.update({ where: { id: workspace.id }, data: { maxKeyLifetimeDays } })
  })

// A key that may change the policy would otherwise bring back one that is stronger than itself.
test('whoever relaxes the policy could grant every key that lives longer by it', async () => {
  const weak = await make({ permissions: policy })
  const strong = await make({ permissions: ['*'], allSpaces: true })
  await given(10, [[strong.id, 11]])
  for (const days of [null, 12, 9_999]) {
    expect(await relax(weak.secret, days)).toEqual(ofAllSpaces)
    expect(await view(world, strong.secret)).toBe('EXPIRED')
  }
  expect(await relax(workspace.secret)).toEqual(['done'])
  expect(await view(world, strong.secret)).toMatchObject({ allSpaces: true })
})

test('a key that lives still counts like one that is back', async () => {
  const weak = await make({ permissions: policy })
  await given(10, [])
  expect(await relax(weak.secret, 11)).toEqual(ofAllSpaces)
  await done(world, workspace.secret, 'updateWorkspace', 'workspace { id }', {
    maxKeyLifetimeDays: 11,
  })
})

// What nothing changes for stands in nobody's way: dead for good, or ending by itself before.
test('keys that do not live longer by it are not looked at', async () => {
  const admin = await addHuman(world, workspace, 'ADMIN')
  const weak = await humanKey(world, workspace, admin, { permissions: policy })
  const strong = { permissions: ['members:read'] }
  const revoked = await make(strong)
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id: revoked.id })
  await make({ ...strong, expiresAt: inDays(5).toISOString() })
  const old = await make(strong)
  const ended = await make({ ...strong, expiresAt: inDays(5).toISOString() })
  await given(10, [
    [old.id, 100],
    [ended.id, 50],
    [workspace.keyId, 100],
  ])
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: ended.id }, data: { expiresAt: inDays(-20) } }),
  )
  expect(await relax(weak.secret, 40)).toEqual(['done'])
  expect(await relax(weak.secret, 101)).toEqual(ofAllSpaces)
})

// What ends by itself gives nobody a longer life than its own.
test('a credential that ends lets no other key live beyond its end, nor itself', async () => {
  const expiresAt = inDays(20).toISOString()
  const all = { permissions: ['*'], allSpaces: true }
  const ending = await make({ ...all, expiresAt })
  await given(10, [])
  expect(await relax(ending.secret)).toEqual(at('EXPIRY_NOT_ALLOWED'))
  expect(await relax(ending.secret, 21)).toEqual(at('EXPIRY_NOT_ALLOWED'))
  expect(await relax(ending.secret, 19)).toEqual(['done'])
  const bounded = await make({ ...all, requestsPerMinute: 5, allowedIps: ['10.0.0.0/8'] })
  const options = { address: '10.0.0.1' }
  const query = `mutation { updateWorkspace(input: { maxKeyLifetimeDays: 30 }) { errors { code path } } }`
  const { data } = await world.gql(bounded.secret, query, {}, options)
  const path = ['input', 'maxKeyLifetimeDays']
  expect(data.updateWorkspace.errors).toEqual([{ code: 'INVALID', path }])
})

test('only keys that the caller sees are named, and not all of many', async () => {
  const messages = async (secret: string): Promise<string> => {
    const query =
      'mutation { updateWorkspace(input: { maxKeyLifetimeDays: null }) { errors { message } } }'
    const { data } = await world.gql(secret, query)
    return data.updateWorkspace.errors.map(({ message }: any) => message).join()
  }
  const space = await seed(world, workspace.secret).space({ name: 'Lab' })
  const spaces = [{ spaceId: space }]
  const blind = await make({ permissions: policy, spaces })
  const seeing = await make({ permissions: [...policy, 'keys:read'], spaces })
  const permissions = ['members:read']
  const here = await Promise.all(
    Array.from({ length: 25 }, (_, index) => make({ name: `here ${index}`, permissions, spaces })),
  )
  await make({ name: 'elsewhere', permissions, allSpaces: true })
  await given(10, [])
  expect(await messages(blind.secret)).not.toMatch(/here/)
  const told = await messages(seeing.secret)
  expect(told).not.toContain('elsewhere')
  expect(told.match(/here \d+/g)).toHaveLength(20)
  expect(told).toContain(`${here.length - 20} more.`)
})

test('keys that come back count for the limit of the plan', async () => {
  const old = await make()
  await given(10, [[old.id, 11]])
  await directly(world, workspace.id, (prisma) =>
    prisma.workspace.update({ where: { id: workspace.id }, data: { enterpriseKeyLimit: 1 } }),
  )
  expect(await relax(workspace.secret)).toEqual(at('LIMIT_REACHED'))
  expect(await relax(workspace.secret, 11)).toEqual(['done'])
  await directly(world, workspace.id, (prisma) =>
    prisma.workspace.update({ where: { id: workspace.id }, data: { enterpriseKeyLimit: 2 } }),
  )
  expect(await relax(workspace.secret)).toEqual(['done'])
  expect(await view(world, old.secret)).toMatchObject({ permissions: [] })
})

// Of an owner's live keys no two have one name.
test('a key that comes back takes its name again, which must be free', async () => {
  const old = await make({ name: 'twice' })
  await given(10, [[old.id, 11]])
  const other = await make({ name: 'Twice' })
  expect(await relax(workspace.secret)).toEqual(at('NAME_TAKEN'))
  await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', {
    id: other.id,
    name: 'another',
  })
  expect(await relax(workspace.secret)).toEqual(['done'])
  const input = { name: 'twice' }
  expect(await outcome(world, workspace.secret, 'createApiKey', input)).toEqual([
    'NAME_TAKEN input.name',
  ])
})

test('of two dead keys of one name both cannot come back', async () => {
  const old = await make({ name: 'twice' })
  await given(10, [[old.id, 11]])
  const other = await make({ name: 'twice' })
  await given(10, [[other.id, 11]])
  expect(await relax(workspace.secret)).toEqual(at('NAME_TAKEN'))
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id: old.id })
  expect(await relax(workspace.secret)).toEqual(['done'])
})

test('an admin relaxes it over the keys of machine users and their own, not over an owner’s', async () => {
  const ann = await addHuman(world, workspace, 'ADMIN')
  const admin = await humanKey(world, workspace, ann, { permissions: ['*'], allSpaces: true })
  const robot = await seed(world, workspace.secret).machine({ name: 'Robot', role: 'ADMIN' })
  await make({ ownerId: robot.userId, permissions: ['*'], allSpaces: true })
  await given(10, [[workspace.keyId, 9]])
  expect(await relax(admin.secret)).toEqual(at('PERMISSION_NOT_GRANTABLE'))
  await given(10, [[workspace.keyId, 30]])
  expect(await relax(admin.secret, 20)).toEqual(at('PERMISSION_NOT_GRANTABLE'))
})
