import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createUsageRecorder } from '../../src/jobs/usage.ts'
import { directly, verdict } from '../modules/api-key/ask.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

useWorkspace()

let count = 0
const makeKey = (): Promise<{ id: string; secret: string }> => {
  count += 1
  return seed(world, workspace.secret).key({ name: `key ${count}` })
}

const usageOf = (keyId: string) =>
  world.deps.prisma.apiKeyUsage.findFirst({ where: { workspaceId: workspace.id, keyId } })

const epoch = async (): Promise<bigint> =>
  (await world.deps.prisma.workspace.findUniqueOrThrow({ where: { id: workspace.id } })).epoch

const listed = async (filter: object): Promise<string[]> => {
  const query =
    'query ($filter: ApiKeyFilter) { apiKeys(first: 100, filter: $filter) { nodes { id } } }'
  const { data } = await world.gql(workspace.secret, query, { filter })
  return data.apiKeys.nodes.map(({ id }: { id: string }) => id)
}

// A key that was used once only must not look as if it never was.
test('the first use is stored at once, with its address', async () => {
  const key = await makeKey()
  expect(await usageOf(key.id)).toBeNull()
  const before = await epoch()
  const begun = Date.now()
  await verdict(world, key.secret, { address: '198.51.100.4' })
  await expect.poll(() => usageOf(key.id)).not.toBeNull()
  const used = await usageOf(key.id)
  expect(used?.lastUsedIp).toBe('198.51.100.4')
  expect(used?.lastUsedAt.getTime()).toBeGreaterThan(begun - 1_000)
  expect(used?.lastUsedAt.getTime()).toBeLessThan(Date.now() + 1_000)
  expect(await epoch()).toBe(before)
})

test('a use that is refused is none', async () => {
  const key = await makeKey()
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: key.id })
  expect(await verdict(world, key.secret)).toBe('401 DISABLED')
  await world.deps.usage.flush()
  expect(await usageOf(key.id)).toBeNull()
})

// Management by others says nothing about whether an integration still needs its key.
test('reading, changing, rotating or disabling a key is no use of it', async () => {
  const key = await makeKey()
  const { secret } = workspace
  await world.gql(secret, 'query ($id: ID!) { apiKey(id: $id) { id } }', { id: key.id })
  for (const [mutation, input] of Object.entries({
    updateApiKey: { description: 'managed' },
    rotateApiKey: {},
    disableApiKey: {},
    enableApiKey: {},
  }))
    await done(world, secret, mutation, 'apiKey { id }', { id: key.id, ...input })
  await world.deps.usage.flush()
  expect(await usageOf(key.id)).toBeNull()
  expect(await listed({ neverUsed: true })).toContain(key.id)
})

// Replicas write in any order: the later use stays.
test('the time of last use goes forward only', async () => {
  const key = await makeKey()
  const { usage } = world.deps
  const at = (ms: number): Date => new Date(1_800_000_000_000 + ms)
  usage.used({ workspaceId: workspace.id, key: key }, at(1_000), '10.0.0.1')
  await usage.flush()
  usage.used({ workspaceId: workspace.id, key: key }, at(0), '10.0.0.2')
  await usage.flush()
  expect(await usageOf(key.id)).toMatchObject({ lastUsedAt: at(1_000), lastUsedIp: '10.0.0.1' })
  usage.used({ workspaceId: workspace.id, key: key }, at(2_000), undefined)
  await usage.flush()
  expect(await usageOf(key.id)).toMatchObject({ lastUsedAt: at(2_000), lastUsedIp: null })
})

// What cannot be written now is not lost, and never a request's problem.
test('a batch that could not be written is written with the next one', async () => {
  const [first, second] = [await makeKey(), await makeKey()]
  const lines: string[] = []
  const logger = pino({}, { write: (line: string) => void lines.push(line) })
  const usage = createUsageRecorder(world.deps.prisma, logger)
  await world.deps.prisma.$executeRawUnsafe('ALTER TABLE "ApiKeyUsage" RENAME TO "Away"')
  try {
    usage.used({ workspaceId: workspace.id, key: first }, new Date(), undefined)
    await usage.flush()
    expect(lines.join()).toContain('could not store when keys and tokens were last used')
    expect(await verdict(world, first.secret)).toBe('ACCEPTED')
  } finally {
    await world.deps.prisma.$executeRawUnsafe('ALTER TABLE "Away" RENAME TO "ApiKeyUsage"')
  }
  usage.used({ workspaceId: workspace.id, key: second }, new Date(), undefined)
  await usage.close()
  for (const { id } of [first, second]) expect(await usageOf(id)).not.toBeNull()
})

test('keys are found by when they were last used, the never used ones among the unused', async () => {
  const [old, recent, never] = [await makeKey(), await makeKey(), await makeKey()]
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKeyUsage.createMany({
      data: [
        { workspaceId: workspace.id, keyId: old.id, lastUsedAt: new Date('2020-01-01T00:00:00Z') },
        {
          workspaceId: workspace.id,
          keyId: recent.id,
          lastUsedAt: new Date('2021-01-01T00:00:00Z'),
        },
      ],
    }),
  )
  const unused = await listed({ lastUsedBefore: '2020-06-01T00:00:00Z' })
  expect(unused).toEqual(expect.arrayContaining([old.id, never.id]))
  expect(unused).not.toContain(recent.id)
  expect(await listed({ lastUsedBefore: '2020-01-01T00:00:00Z' })).not.toContain(old.id)
  const neverUsed = await listed({ neverUsed: true })
  expect(neverUsed).toContain(never.id)
  expect(neverUsed).not.toContain(old.id)
  const used = await listed({ neverUsed: false })
  expect(used).toEqual(expect.arrayContaining([old.id, recent.id]))
  expect(used).not.toContain(never.id)
})
