import { afterAll, beforeAll, expect, test } from 'vitest'
import { readMigrations } from '../../src/db/migrations.ts'
import { inSeconds, mint } from '../modules/access-token/ask.ts'
import { directly } from '../modules/api-key/ask.ts'
import { importOne, legacyKey } from '../modules/legacy/ask.ts'
import { humanKey } from '../setup/human.ts'
import { done, seed } from '../setup/seed.ts'
import type { TestWorkspace, World } from '../setup/world.ts'
import { createSignInWorld, membersOf, type SignInWorld, whoIs } from '../sign-in/sign-in-world.ts'

let signIn: SignInWorld
let world: World
let workspace: TestWorkspace
let robot: string

beforeAll(async () => {
  signIn = await createSignInWorld({ isNew: true })
  world = signIn.world
  workspace = await world.createWorkspace()
  const { userId } = await seed(world, workspace.secret).machine({ name: 'Robot', role: 'ADMIN' })
  robot = userId
})
afterAll(() => signIn.close())

let count = 0
const manages = ['members:read', 'scopes:read', 'keys:read', 'keys:create', 'keys:update']
const keyBy = (secret: string, input: object = {}) =>
  seed(world, secret).key({ name: `key ${++count}`, permissions: manages, ...input })

/** The instants of what happened decide: that two of them are one hides what is looked for. */
const apart = () => new Promise((resolve) => setTimeout(resolve, 2))

async function rotate(id: string, secret: string, overlapSeconds = 60): Promise<string> {
  await apart()
  const { rotatedAt } = await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id } })
  const expectedRotatedAt = rotatedAt?.toISOString()
  const input = { id, overlapSeconds, ...(expectedRotatedAt && { expectedRotatedAt }) }
  return (await done(world, secret, 'rotateApiKey', 'secret', input)).secret
}

const given = () =>
  world.deps.prisma.apiKeySecret.findMany({
    select: {
      id: true,
      keyId: true,
      originId: true,
      receiverId: true,
      receiverKeyId: true,
      receiverTokenId: true,
      receiverSecretId: true,
    },
    orderBy: [{ keyId: 'asc' }, { createdAt: 'asc' }],
  })

/** Takes the columns away, as on a database from before them, and applies the migration. */
async function migrateAnew(): Promise<void> {
  const { sql = '' } =
    readMigrations().find(({ name }) => name.endsWith('_receivers_of_secrets')) ?? {}
  const columns = ['originId', 'receiverId', 'receiverKeyId', 'receiverTokenId', 'receiverSecretId']
  const dropped = columns.map((name) => `DROP COLUMN "${name}"`)
  const statements = [`ALTER TABLE "ApiKeySecret" ${dropped.join()}`, ...sql.split(';')]
  // In one session, as a migration is: it keeps a temporary table.
  await world.deps.prisma.$transaction(async (db) => {
    for (const text of statements) if (text.trim() !== '') await db.$executeRawUnsafe(text)
  })
}

/** Somebody who left, and comes back by a membership whose key has made another one meanwhile. */
async function returned(): Promise<void> {
  const { person, invite } = signIn
  const first = await invite(workspace, 'returner', 'ADMIN')
  const token = await person('returner')
  await whoIs(world, token)
  await keyBy(token, { ownerId: robot })
  await done(world, workspace.secret, 'removeMember', '__typename', { id: first })
  const memberId = await invite(workspace, 'returner', 'ADMIN')
  const pending = (await membersOf(world, workspace))['returner@example.com']
  const human = { memberId, userId: pending?.userId ?? '' }
  const key = await humanKey(world, workspace, human, { permissions: manages })
  await keyBy(key.secret, { ownerId: robot })
  expect(await whoIs(world, token)).toMatchObject({ role: 'ADMIN' })
}

test('migration: the receivers of secrets are those that the audit tells', async () => {
  const maker = await keyBy(workspace.secret, { ownerId: robot })
  const { token } = await mint(world, maker.secret)
  const expiresAt = inSeconds(300).toISOString()
  await keyBy(token, { expiresAt })
  const taken = await keyBy(workspace.secret, { ownerId: robot })
  await rotate(taken.id, maker.secret)
  const own = await keyBy(maker.secret)
  const second = await rotate(own.id, own.secret)
  await rotate(own.id, second)
  await rotate(maker.id, maker.secret)
  await keyBy(await rotate(maker.id, workspace.secret, 0))
  const moved = await keyBy(workspace.secret)
  await apart()
  await done(world, workspace.secret, 'transferApiKey', '__typename', {
    id: moved.id,
    ownerId: robot,
  })
  const legacy = await importOne(world, workspace.secret, legacyKey(robot))
  await apart()
  await done(world, workspace.secret, 'migrateLegacyKey', '__typename', { id: legacy.id })
  await returned()
  const unknown = await keyBy(workspace.secret)
  await directly(world, workspace.id, (prisma) =>
    prisma.auditEvent.updateMany({
      where: { targetId: unknown.id },
      data: { action: 'api_key.lost' },
    }),
  )
  const before = await given()
  expect(new Set(before.map(({ receiverId }) => receiverId)).size).toBe(4)
  expect(before.filter(({ originId }) => originId !== null)).toHaveLength(3)
  await migrateAnew()
  expect(await given()).toEqual(before)
})
