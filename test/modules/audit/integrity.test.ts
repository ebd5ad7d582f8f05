import { beforeAll, expect, test } from 'vitest'
import { Prisma } from '../../../src/generated/prisma/client.ts'
import { checkChain } from '../../../src/modules/audit/check-chain.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { whileBlocked } from './blocked-chain.ts'
import { growChain } from './grow-chain.ts'

/** More than are read at a time. */
const length = 1_050

useWorkspace()
beforeAll(async () => {
  await growChain(world, workspace, length - 1)
})

const query = `{ auditIntegrity {
  intact checkedEvents firstBrokenEventId firstBrokenSequence headSequence headHash } }`

async function integrity(secret = workspace.secret): Promise<any> {
  const { data, errors } = await world.gql(secret, query)
  expect(errors).toEqual([])
  return data.auditIntegrity
}

const sql = (text: string, ...values: unknown[]) =>
  world.deps.prisma.$executeRawUnsafe(text.replaceAll(':ws', `'${workspace.id}'`), ...values)

const its = '"workspaceId" = :ws AND sequence ='

async function eventAt(sequence: number): Promise<string> {
  const where = { workspaceId: workspace.id, sequence: BigInt(sequence) }
  return (await world.deps.prisma.auditEvent.findFirstOrThrow({ where })).id
}

/** What `ask` says while the statements hold; afterwards all is as it was. */
async function whileChanged(statements: readonly string[], ask = integrity): Promise<any> {
  const { auditSequence, auditHash } = await rowOf()
  await sql('CREATE TABLE "kept" AS SELECT * FROM "AuditEvent" WHERE "workspaceId" = :ws')
  for (const statement of statements) await sql(statement)
  try {
    return await ask()
  } finally {
    await sql('DELETE FROM "AuditEvent" WHERE "workspaceId" = :ws OR id IN (SELECT id FROM "kept")')
    await sql('INSERT INTO "AuditEvent" SELECT * FROM "kept"')
    await sql('DROP TABLE "kept"')
    const where = { id: workspace.id }
    await world.deps.prisma.workspace.update({ where, data: { auditSequence, auditHash } })
  }
}

const rowOf = () => world.deps.prisma.workspace.findUniqueOrThrow({ where: { id: workspace.id } })

test('an intact chain is found to be intact, up to its head', async () => {
  const { auditHash } = await rowOf()
  expect(await integrity()).toEqual({
    intact: true,
    checkedEvents: length,
    firstBrokenEventId: null,
    firstBrokenSequence: null,
    headSequence: length,
    headHash: auditHash,
  })
})

// Who can write to the database must not be able to change what the log says unseen.
const columns = {
  id: "'evt_' || right(id, 3) || left(right(id, 26), 23)",
  at: "at + interval '1 ms'",
  action: "'space.created'",
  actorKind: `'HUMAN'`,
  actorId: "'usr_1'",
  actorName: '"actorName" || \'.\'',
  apiKeyId: "'key_1'",
  accessTokenId: "'tok_1'",
  targetId: '"targetId" || \'0\'',
  targetName: "'space X'",
  ip: "'192.0.2.2'",
  requestId: "''",
  changes: "replace(changes, 'space', 'spacf')",
  previousHash: 'reverse("previousHash")',
  hash: "overlay(hash placing 'g' from 1)",
}
test.each(Object.entries(columns))('a changed %s is named', async (column, value) => {
  for (const at of [2, 1_001]) {
    const found = await whileChanged([
      `UPDATE "AuditEvent" SET "${column}" = ${value} WHERE ${its} ${at}`,
    ])
    expect(found).toMatchObject({ intact: false, firstBrokenSequence: at, checkedEvents: at })
    if (column !== 'id') expect(found.firstBrokenEventId).toBe(await eventAt(at))
  }
})

test('every column of an event is tried', () => {
  const { workspaceId: _w, sequence: _s, ...fields } = Prisma.AuditEventScalarFieldEnum
  expect(Object.keys(columns).sort()).toEqual(Object.keys(fields).sort())
})

const missing = (sequence: number) => ({
  intact: false,
  firstBrokenSequence: sequence,
  firstBrokenEventId: null,
})

test.each([1, 2, 1_000, length])('a removed event %d is missing', async (at) => {
  expect(await whileChanged([`DELETE FROM "AuditEvent" WHERE ${its} ${at}`])).toMatchObject(
    missing(at),
  )
  const moved = `UPDATE "AuditEvent" SET sequence = 9000000000 + sequence WHERE ${its} ${at}`
  expect(await whileChanged([moved])).toMatchObject(missing(at))
})

test('an event that was moved to another workspace is missing here, and too much there', async () => {
  const other = await world.createWorkspace()
  const moved = `UPDATE "AuditEvent" SET "workspaceId" = '${other.id}' WHERE ${its} 500`
  expect(await whileChanged([moved])).toMatchObject(missing(500))
  const id = await eventAt(500)
  const there = await whileChanged([moved], () => integrity(other.secret))
  expect(there).toMatchObject({ firstBrokenSequence: 500, firstBrokenEventId: id })
})

test('one of two swapped events is named, and one that was put before the first', async () => {
  const move = (from: number, to: number) =>
    `UPDATE "AuditEvent" SET sequence = ${to} WHERE ${its} ${from}`
  const swapped = await whileChanged([move(7, 0), move(1_020, 7), move(0, 1_020)])
  expect(swapped).toMatchObject({ intact: false, firstBrokenSequence: 7 })
  const before = await whileChanged([move(length, -5)])
  expect(before).toMatchObject({
    firstBrokenEventId: await eventAt(length),
    firstBrokenSequence: -5,
  })
})

test('a tail that is cut off is missing; a head that is put back leaves events behind it', async () => {
  const cut = await whileChanged([
    'DELETE FROM "AuditEvent" WHERE "workspaceId" = :ws AND sequence > 1040',
  ])
  expect(cut).toMatchObject({ ...missing(1_041), headSequence: length })
  const all = await whileChanged(['DELETE FROM "AuditEvent" WHERE "workspaceId" = :ws'])
  expect(all).toMatchObject(missing(1))
  const back = await whileChanged([
    `UPDATE "Workspace" SET "auditSequence" = 1040, "auditHash" =
    (SELECT hash FROM "AuditEvent" WHERE ${its} 1040) WHERE id = :ws`,
  ])
  expect(back).toMatchObject({
    firstBrokenEventId: await eventAt(1_041),
    firstBrokenSequence: 1_041,
  })
})

test('a changed head is named', async () => {
  const head = (value: string) => `UPDATE "Workspace" SET ${value} WHERE id = :ws`
  const hash = await whileChanged([head('"auditHash" = reverse("auditHash")')])
  expect(hash).toMatchObject({
    firstBrokenSequence: length,
    firstBrokenEventId: await eventAt(length),
  })
  expect(await whileChanged([head('"auditHash" = NULL')])).toMatchObject({
    headHash: null,
    intact: false,
  })
  const ahead = await whileChanged([head('"auditSequence" = "auditSequence" + 1')])
  expect(ahead).toMatchObject(missing(length + 1))
  const far = await whileChanged([head('"auditSequence" = 9223372036854775807')])
  expect(far).toMatchObject({ ...missing(length + 1), headSequence: 2 ** 31 - 1 })
  expect((await integrity()).intact).toBe(true)
})

// Events are appended while it reads: none of them must look like a place where it is broken.
test('changes meanwhile break nothing, and 50 at once leave one unbroken chain', async () => {
  const busy = await world.createWorkspace()
  await growChain(world, busy, 1_500)
  const make = seed(world, busy.secret)
  const changes = Array.from({ length: 50 }, (_, index) => make.space({ name: `space ${index}` }))
  const checks = Array.from({ length: 5 }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    return await integrity(busy.secret)
  })
  for (const found of await Promise.all(checks)) expect(found).toMatchObject({ intact: true })
  await Promise.all(changes)
  expect(await integrity(busy.secret)).toMatchObject({ intact: true, headSequence: 1_551 })
})

test('a second check at the same time waits for the first one', async () => {
  const checks = [checkChain(world.deps, workspace.id), checkChain(world.deps, workspace.id)]
  expect(checks[0]).toBe(checks[1])
  const other = await world.createWorkspace()
  expect(checkChain(world.deps, other.id)).not.toBe(checks[0])
  await Promise.all(checks)
})

test('a check costs 100, and needs audit:read and all spaces', async () => {
  const make = seed(world, workspace.secret)
  await done(world, workspace.secret, 'updateWorkspace', 'workspace { id }', { name: 'kept' })
  const space = await make.space({ name: 'only' })
  const limit = { requestsPerMinute: 150 }
  const all = await make.key({ name: 'a', permissions: ['audit:read'], allSpaces: true, ...limit })
  const { headers, data } = await world.gql(all.secret, query)
  expect(data.auditIntegrity.intact).toBe(true)
  expect(headers.get('x-ratelimit-remaining')).toBe('50')
  expect((await world.gql(all.secret, query)).status).toBe(429)
  const one = await make.key({
    name: 'b',
    permissions: ['audit:read'],
    spaces: [{ spaceId: space }],
  })
  const { errors } = await world.gql(one.secret, query)
  expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', missingPermissions: [] } }])
})

// A chain that is cut off together with its end in the workspace's row differs from the log.
test('the end of a chain is logged every 1,000 events, once it is committed', async () => {
  const long = await world.createWorkspace()
  await growChain(world, long, 998)
  const logged = () =>
    world.logs
      .map((line) => JSON.parse(line))
      .filter(
        ({ msg, workspaceId }) => msg === 'the end of an audit chain' && workspaceId === long.id,
      )
  const make = seed(world, long.secret)
  await whileBlocked(world, long, () => expect(make.space({ name: 'none' })).rejects.toThrow())
  expect(logged()).toEqual([])
  await make.space({ name: 'the 1,000th' })
  const where = { id: long.id }
  const { auditHash } = await world.deps.prisma.workspace.findUniqueOrThrow({ where })
  expect(logged()).toMatchObject([{ level: 30, sequence: '1000', hash: auditHash }])
  await make.space({ name: 'one more' })
  expect(logged()).toHaveLength(1)
})

// Of long events fewer are read at a time.
test('events of a megabyte each are read a few at a time', async () => {
  const large = await world.createWorkspace()
  const after = 'x'.repeat(1_500_000)
  const changes = [{ field: 'name', before: null, after }]
  const event = { action: 'space.updated', targetId: 'spc', targetName: 'large', changes } as const
  await growChain(world, large, 9, () => event)
  expect(await integrity(large.secret)).toMatchObject({ intact: true, checkedEvents: 10 })
})
