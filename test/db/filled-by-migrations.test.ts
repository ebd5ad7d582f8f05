import { afterAll, beforeAll, expect, test } from 'vitest'
import { readMigrations } from '../../src/db/migrations.ts'
import { giveDueNotices } from '../../src/modules/api-key/expiry-notices.ts'
import { outcome } from '../setup/outcome.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'

let world: World

beforeAll(async () => {
  world = await createWorld({ isNew: true })
})
afterAll(() => world.close())

const rename = ({ secret }: TestWorkspace, slug: string) =>
  outcome(world, secret, 'updateWorkspace', { slug, name: `Called ${slug}` })

/** Runs what a migration does from that word on once more, as on a database from before it. */
async function migrateAnew(migration: string, from: string): Promise<void> {
  const { sql = '' } = readMigrations().find(({ name }) => name.endsWith(migration)) ?? {}
  const statements = sql.slice(sql.indexOf(from)).split(';')
  for (const statement of statements.filter((text) => text.trim() !== ''))
    await world.deps.prisma.$executeRawUnsafe(statement)
}

test('migration: a slug that was given up before is its last holder’s, a present one its workspace’s', async () => {
  const [first, second, third] = [
    await world.createWorkspace(),
    await world.createWorkspace(),
    await world.createWorkspace(),
  ]
  const { prisma } = world.deps
  /** As before there was the table: any free slug could be taken. */
  const renameFreely = async (workspace: TestWorkspace, slug: string) => {
    await prisma.workspaceSlug.deleteMany()
    expect(await rename(workspace, slug)).toEqual(['done'])
  }
  await renameFreely(first, 'passed-on')
  await renameFreely(first, 'first-now')
  await renameFreely(second, 'passed-on')
  await renameFreely(second, 'second-now')
  await renameFreely(third, first.slug)
  await prisma.workspaceSlug.deleteMany()
  await migrateAnew('_slugs_of_workspaces', 'INSERT INTO')

  const rows = await prisma.workspaceSlug.findMany()
  expect(Object.fromEntries(rows.map(({ slug, workspaceId }) => [slug, workspaceId]))).toEqual({
    'first-now': first.id,
    'second-now': second.id,
    'passed-on': second.id,
    [first.slug]: third.id,
    [second.slug]: second.id,
    [third.slug]: third.id,
  })
  expect(await rename(first, 'passed-on')).toEqual(['NAME_TAKEN input.slug'])
  expect(await rename(second, 'passed-on')).toEqual(['done'])
})

test('migration: the oldest workspace of the operator may import hashes, and no other one', async () => {
  const { prisma } = world.deps
  const signedUp = await world.createWorkspace()
  const [first] = await prisma.workspace.findMany({ orderBy: { createdAt: 'asc' }, take: 1 })
  if (first === undefined) throw new Error('there is none')
  await prisma.workspace.update({
    where: { id: signedUp.id },
    data: { createdAt: new Date(0), createdById: signedUp.ownerId },
  })
  await migrateAnew('_hash_import', 'UPDATE')
  const allowed = await prisma.workspace.findMany({ where: { hashImport: true } })
  expect(allowed.map(({ id }) => id)).toEqual([first.id])
})

test('migration: uses count as recorded from then on where keys are there, else from the beginning', async () => {
  const { prisma } = world.deps
  const where = { name: 'rightsUsageSince' }
  expect(await prisma.setting.findUnique({ where })).toBeNull()
  await world.createWorkspace()
  const before = Date.now()
  await migrateAnew('usage_of_rights', 'INSERT INTO "Setting"')
  const { value } = await prisma.setting.findUniqueOrThrow({ where })
  expect(Math.abs(new Date(value).getTime() - before)).toBeLessThan(60_000)
})

test('migration: no notice is given of a key that had expired before', async () => {
  const { deps } = world
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const past = { createdAt: new Date(2_000), expiresAt: new Date(3_000) }
  const expired = await make.key({ name: 'expired' })
  await deps.prisma.apiKey.updateMany({ where: { id: expired.id }, data: past })
  await migrateAnew('_webhooks', 'INSERT INTO')
  const later = await make.key({ name: 'expired since' })
  await deps.prisma.apiKey.updateMany({ where: { id: later.id }, data: past })
  await giveDueNotices(deps)
  const given = { workspaceId: workspace.id, action: 'api_key.expired' }
  expect(await deps.prisma.auditEvent.findMany({ where: given })).toMatchObject([
    { targetId: later.id },
  ])
})
