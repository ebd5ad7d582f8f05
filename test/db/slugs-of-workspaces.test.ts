import { afterAll, beforeAll, expect, test } from 'vitest'
import { readMigrations } from '../../src/db/migrations.ts'
import { outcome } from '../setup/outcome.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'

let world: World

beforeAll(async () => {
  world = await createWorld({ isNew: true })
})
afterAll(() => world.close())

const rename = ({ secret }: TestWorkspace, slug: string) =>
  outcome(world, secret, 'updateWorkspace', { slug, name: `Called ${slug}` })

/** Lets the rows come of the migration that has made the table, as on a database from before it. */
async function migrateAnew(): Promise<void> {
  const { sql = '' } =
    readMigrations().find(({ name }) => name.endsWith('_slugs_of_workspaces')) ?? {}
  const fill = sql.slice(sql.indexOf('INSERT INTO'))
  await world.deps.prisma.workspaceSlug.deleteMany()
  for (const statement of fill.split(';').filter((text) => text.trim() !== ''))
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
  await migrateAnew()

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
