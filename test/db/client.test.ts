import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../src/db/client.ts'
import { openTestDatabase } from '../setup/database.ts'

let database: Database
const { TZ } = process.env

beforeAll(async () => {
  // What the machine's zone is must not matter; this one is neither UTC nor whole hours from it.
  process.env.TZ = 'Asia/Kolkata'
  database = await openTestDatabase({ isNew: true })
})

afterAll(async () => {
  if (TZ === undefined) delete process.env.TZ
  else process.env.TZ = TZ
  await database.close()
})

const instant = new Date('2031-02-03T04:05:06.789Z')
const hash = Uint8Array.from({ length: 32 }, (_, index) => index * 8)
const permissions = ['agents:read', 'with "quotes", commas and {braces}', '', 'NULL', 'ü🔑\\']

async function store(): Promise<void> {
  const { prisma } = database
  const keys = { workspaceId: 'wsp_1', keyId: 'key_1' }
  await prisma.workspace.create({
    data: { id: 'wsp_1', name: 'One', slug: 'one', epoch: 2n ** 62n, createdAt: instant },
  })
  await prisma.user.create({ data: { id: 'usr_1', kind: 'HUMAN', createdAt: instant } })
  const owner = { workspaceId: 'wsp_1', userId: 'usr_1' }
  await prisma.member.create({
    data: { ...owner, id: 'mem_1', role: 'OWNER', name: 'Ann', createdAt: instant },
  })
  await prisma.apiKey.create({
    data: {
      workspaceId: 'wsp_1',
      id: 'key_1',
      ownerId: 'usr_1',
      name: 'Key',
      start: 'lk_abcd',
      last4: 'wxyz',
      permissions,
      allSpaces: true,
      allowedIps: [],
      createdAt: instant,
      updatedAt: instant,
    },
  })
  await prisma.apiKeySecret.create({ data: { ...keys, hash, createdAt: instant } })
}

test('instants, bytes, lists and big integers are the same when read', async () => {
  await store()
  const { prisma } = database

  const key = await prisma.apiKey.findFirstOrThrow({ include: { secrets: true, workspace: true } })
  expect(key).toMatchObject({ createdAt: instant, permissions, allowedIps: [] })
  expect(key.workspace.epoch).toBe(2n ** 62n)
  expect(key.expiresAt).toBeNull()

  const [raw] = await prisma.$queryRaw<Record<string, unknown>[]>`
    SELECT k."createdAt", k."permissions", k."allowedIps", w."epoch", s."hash",
      extract(epoch FROM k."createdAt")::float8 * 1000 AS ms
    FROM "ApiKey" k JOIN "ApiKeySecret" s ON s."keyId" = k."id"
      JOIN "Workspace" w ON w."id" = k."workspaceId"
    WHERE k."createdAt" = ${instant} AND s."hash" = ${hash}`
  expect(raw).toEqual({
    createdAt: instant,
    permissions,
    allowedIps: [],
    epoch: 2n ** 62n,
    hash,
    ms: instant.getTime(),
  })

  const [{ now } = { now: new Date(0) }] = await prisma.$queryRaw<
    { now: Date }[]
  >`SELECT now() AS now`
  expect(Math.abs(now.getTime() - Date.now())).toBeLessThan(60_000)
})

test('a hash is read only where it is asked for', async () => {
  const { prisma } = database
  const where = { hash }
  const secret = await prisma.apiKeySecret.findUniqueOrThrow({ where })
  expect(secret).toMatchObject({ keyId: 'key_1' })
  expect(secret).not.toHaveProperty('hash')
  const key = await prisma.apiKey.findFirstOrThrow({ include: { secrets: true, workspace: true } })
  expect(key.secrets).toHaveLength(1)
  expect(key.secrets[0]).not.toHaveProperty('hash')
  const asked = await prisma.apiKeySecret.findUniqueOrThrow({ where, select: { hash: true } })
  expect(asked.hash).toEqual(hash)
})

test('a transaction whose COMMIT fails is no success', async () => {
  const { prisma } = database
  await prisma.$executeRaw`CREATE TABLE parent (id int PRIMARY KEY)`
  await prisma.$executeRaw`
    CREATE TABLE child (id int REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)`
  const orphan = prisma.$transaction((tx) => tx.$executeRaw`INSERT INTO child VALUES (1)`)
  await expect(orphan).rejects.toThrow('ForeignKeyConstraintViolation')
  const family = prisma.$transaction(async (tx) => {
    await tx.$executeRaw`INSERT INTO child VALUES (1)`
    await tx.$executeRaw`INSERT INTO parent VALUES (1)`
  })
  await expect(family).resolves.toBeUndefined()
  expect(await prisma.$queryRaw`SELECT id FROM child`).toEqual([{ id: 1 }])
})

test('a transaction that throws leaves nothing, and its isolation level ends with it', async () => {
  const { prisma } = database
  const level = { isolationLevel: 'Serializable' } as const
  const failing = prisma.$transaction(async (tx) => {
    await tx.setting.create({ data: { name: 'a', value: 'b' } })
    expect(await tx.$queryRaw`SHOW transaction_isolation`).toEqual([
      { transaction_isolation: 'serializable' },
    ])
    throw new Error('on purpose')
  }, level)
  await expect(failing).rejects.toThrow('on purpose')
  expect(await prisma.setting.count()).toBe(0)
  expect(await prisma.$queryRaw`SHOW transaction_isolation`).toEqual([
    { transaction_isolation: 'read committed' },
  ])
})
