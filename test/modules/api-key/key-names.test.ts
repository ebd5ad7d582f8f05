import { expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { attempt, directly } from './ask.ts'

useWorkspace()

const create = async (input: object): Promise<string[]> =>
  (await attempt(world, workspace.secret, 'createApiKey', { ...input })).codes

// Two live keys of one name of one owner would be revoked for one another.
test("a name is unique among an owner's live keys, in any case and form, and only there", async () => {
  const make = seed(world, workspace.secret)
  const robot = await make.machine({ name: 'Robot', role: 'ADMIN' })
  const key = await make.key({ name: 'Café deploy' })
  for (const name of ['Café deploy', 'CAFÉ DEPLOY', 'cafe\u0301 deploy', '  café deploy '])
    expect([name, await create({ name })]).toEqual([name, ['NAME_TAKEN']])
  expect(await create({ name: 'Café deploy', ownerId: robot.userId })).toEqual([])
  const other = await make.key({ name: 'another' })
  const rename = { id: other.id, name: 'café DEPLOY' }
  expect(await attempt(world, workspace.secret, 'updateApiKey', rename)).toMatchObject({
    codes: ['NAME_TAKEN'],
    paths: [['input', 'name']],
  })
  const taken = { id: key.id, ownerId: robot.userId }
  expect((await attempt(world, workspace.secret, 'transferApiKey', taken)).codes).toEqual([
    'NAME_TAKEN',
  ])
  const own = { id: key.id, name: 'CAFÉ deploy' }
  expect((await attempt(world, workspace.secret, 'updateApiKey', own)).codes).toEqual([])
})

test('a revoked key frees its name, a disabled one does not, an expired one gives it up', async () => {
  const make = seed(world, workspace.secret)
  const revoked = await make.key({ name: 'revoked' })
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id: revoked.id })
  expect(await create({ name: 'Revoked' })).toEqual([])
  const disabled = await make.key({ name: 'disabled' })
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: disabled.id })
  expect(await create({ name: 'Disabled' })).toEqual(['NAME_TAKEN'])
  const expired = await make.key({ name: 'expired' })
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: expired.id }, data: { expiresAt: new Date() } }),
  )
  expect(await create({ name: 'Expired' })).toEqual([])
  const row = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id: expired.id } })
  expect(row).toMatchObject({ name: 'expired', nameKey: null })
})

test('of ten keys of one name at once exactly one is made', async () => {
  const all = await Promise.all(Array.from({ length: 10 }, () => create({ name: 'at once' })))
  expect(all.filter((codes) => codes.length === 0)).toHaveLength(1)
  expect(all.filter((codes) => codes[0] === 'NAME_TAKEN')).toHaveLength(9)
})

// A limit that creations at once can overstep is none.
test("of ten creations at once only those pass that the plan's key limit has room for", async () => {
  const free = await world.createWorkspace()
  const make = seed(world, free.secret)
  const keys: { id: string }[] = []
  for (let index = 1; index < 19; index += 1) keys.push(await make.key({ name: `key ${index}` }))
  await directly(world, free.id, (prisma) =>
    prisma.workspace.update({ where: { id: free.id }, data: { plan: 'FREE' } }),
  )
  const createAtOnce = async (prefix: string): Promise<string[]> => {
    const inputs = Array.from({ length: 10 }, (_, index) => ({ name: `${prefix} ${index}` }))
    const all = await Promise.all(
      inputs.map((input) => attempt(world, free.secret, 'createApiKey', input)),
    )
    return all.map(({ codes }) => codes.join()).sort()
  }
  const full = Array(9).fill('LIMIT_REACHED')
  expect(await createAtOnce('first')).toEqual(['', ...full])
  const [first, second, third] = keys
  await done(world, free.secret, 'disableApiKey', 'apiKey { id }', { id: third?.id })
  expect(await createAtOnce('full')).toEqual([...full, 'LIMIT_REACHED'])
  await done(world, free.secret, 'revokeApiKey', 'apiKey { id }', { id: first?.id })
  expect(await createAtOnce('second')).toEqual(['', ...full])
  await directly(world, free.id, (prisma) =>
    prisma.apiKey.updateMany({
      where: { id: String(second?.id) },
      data: { expiresAt: new Date() },
    }),
  )
  expect(await createAtOnce('third')).toEqual(['', ...full])
})
