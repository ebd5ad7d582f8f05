import { afterAll, expect, test } from 'vitest'
import { holdLine } from '../../setup/in-line.ts'
import { done, seed } from '../../setup/seed.ts'
import { createWorld } from '../../setup/world.ts'
import { expectWhole } from '../audit/expect-whole.ts'
import { directly, verdict } from './ask.ts'
import { idsOf, revoking } from './revoking.ts'

const world = await createWorld()
afterAll(() => world.close())
const workspace = await world.createWorkspace()

let count = 0
const name = (): string => `Key ${++count}`
const label = (): { name: string; value: string } => ({ name: 'batch', value: name() })
const make = (input: object = {}, secret = workspace.secret) =>
  seed(world, secret).key({ name: name(), ...input })

const { revoke, tryTo, stored } = revoking(world, workspace)

test('revokeApiKeys: what the filter finds is refused at once with its tokens, all else works on', async () => {
  const batch = label()
  const keys = [await make({ labels: [batch] }), await make({ labels: [batch], permissions: [] })]
  const other = await make({ labels: [{ ...batch, value: 'other' }] })
  const [first] = keys
  const { token } = await done(world, first?.secret ?? '', 'createAccessToken', 'token', {})
  const answer = await revoke({ label: batch }, { reason: 'leaked' })
  expect(answer).toMatchObject({
    revokedCount: 2,
    apiKeys: keys.toReversed().map(({ id }) => ({
      id,
      status: 'REVOKED',
      revocationReason: 'leaked',
    })),
  })
  for (const { secret } of keys) expect(await verdict(world, secret)).toBe('401 REVOKED')
  expect(await verdict(world, token)).toBe('401 REVOKED')
  expect(await verdict(world, other.secret)).toBe('ACCEPTED')
})

test('revokeApiKeys: one epoch, and an event for each key, as of revokeApiKey', async () => {
  const batch = label()
  const { prisma } = world.deps
  const [one, ...others] = [
    await make(),
    await make({ labels: [batch] }),
    await make({ labels: [batch] }),
  ]
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id: one?.id, reason: 'r' })
  const where = { id: workspace.id }
  const before = await prisma.workspace.findUniqueOrThrow({ where })
  await revoke({ label: batch }, { reason: 'r' })
  const after = await prisma.workspace.findUniqueOrThrow({ where })
  expect([after.epoch - before.epoch, after.auditSequence - before.auditSequence]).toEqual([1n, 2n])
  const eventOf = async (targetId = '') => {
    const event = await prisma.auditEvent.findFirstOrThrow({
      where: { workspaceId: workspace.id, targetId },
      orderBy: { sequence: 'desc' },
    })
    const { action, actorKind, actorId, apiKeyId, changes } = event
    return { action, actorKind, actorId, apiKeyId, changes }
  }
  const expected = await eventOf(one?.id)
  expect(expected.action).toBe('api_key.revoked')
  for (const { id } of others) expect(await eventOf(id)).toEqual(expected)
})

test('revokeApiKeys: a dry run shows what would be revoked and changes nothing', async () => {
  const batch = label()
  const keys = [await make({ labels: [batch] }), await make({ labels: [batch] })]
  const before = await stored()
  const answer = await revoke({ label: batch }, { dryRun: true, reason: 'leaked' })
  expect(answer.revokedCount).toBe(2)
  expect(answer.apiKeys.map(({ status, revocationReason }) => [status, revocationReason])).toEqual([
    ['ACTIVE', null],
    ['ACTIVE', null],
  ])
  expect(await stored()).toEqual(before)
  for (const { secret } of keys) expect(await verdict(world, secret)).toBe('ACCEPTED')
  expect(idsOf(await revoke({ label: batch }))).toEqual(idsOf(answer))
})

test('revokeApiKeys: again it finds nothing, and what is revoked keeps its time and reason', async () => {
  const externalId = name()
  await make({ externalId })
  await revoke({ externalId }, { reason: 'first' })
  const before = await stored()
  for (const filter of [{ externalId }, { externalId, status: 'REVOKED' }])
    expect(await revoke(filter, { reason: 'second' })).toEqual({ revokedCount: 0, apiKeys: [] })
  expect(await stored()).toEqual(before)
})

test('revokeApiKeys: disabled and expired keys are revoked as well', async () => {
  const externalId = name()
  const [disabled, expired] = [await make({ externalId }), await make({ externalId })]
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: disabled.id })
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: expired.id }, data: { expiresAt: new Date(0) } }),
  )
  expect((await revoke({ externalId, status: 'EXPIRED' }, { dryRun: true })).revokedCount).toBe(1)
  expect((await revoke({ externalId })).revokedCount).toBe(2)
})

test('revokeApiKeys: a filter that names nothing revokes nothing', async () => {
  const before = await stored()
  for (const filter of [
    {},
    { label: null, status: null, ownerId: null, legacy: null, createdByKeyId: null },
    { search: '' },
  ])
    for (const dryRun of [true, false]) {
      const { codes, paths, payload } = await tryTo(filter, { dryRun })
      expect([codes, paths]).toEqual([['INVALID'], [['input', 'filter']]])
      expect(payload).toMatchObject({ revokedCount: null, apiKeys: null })
    }
  expect(await stored()).toEqual(before)
})

test('revokeApiKeys: values that are not acceptable are named by their path, and nothing is revoked', async () => {
  const before = await stored()
  const cases: [object, object, string][] = [
    [{ externalId: '' }, {}, 'filter.externalId'],
    [{ label: { name: ' ', value: '' } }, {}, 'filter.label.name'],
    [{ createdBefore: 'tomorrow' }, {}, 'filter.createdBefore'],
    [{ permission: 'agents:fly' }, {}, 'filter.permission'],
    [{ search: 'x'.repeat(101) }, {}, 'filter.search'],
    [{ legacy: true }, { reason: 'x'.repeat(501) }, 'reason'],
  ]
  for (const [filter, input, path] of cases) {
    const { codes, paths } = await tryTo(filter, input)
    expect([filter, codes, paths]).toEqual([filter, ['INVALID'], [['input', ...path.split('.')]]])
  }
  expect(await stored()).toEqual(before)
})

test('revokeApiKeys: of several at once each key is revoked by one of them', async () => {
  const externalId = name()
  const keys = await Promise.all(Array.from({ length: 5 }, () => make({ externalId })))
  const before = await world.deps.prisma.auditEvent.count({ where: { workspaceId: workspace.id } })
  const answers = await Promise.all([1, 2, 3, 4].map(() => revoke({ externalId })))
  expect(answers.map(({ revokedCount }) => revokedCount).sort()).toEqual([0, 0, 0, 5])
  const after = await world.deps.prisma.auditEvent.count({ where: { workspaceId: workspace.id } })
  expect(after - before).toBe(5)
  for (const { secret } of keys) expect(await verdict(world, secret)).toBe('401 REVOKED')
})

test('revokeApiKeys: a key that the filter does not find any more when its turn comes works on', async () => {
  const batch = label()
  const [kept, lost] = [await make({ labels: [batch] }), await make({ labels: [batch] })]
  const line = holdLine(world.deps, workspace.id)
  const change = done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', {
    id: kept.id,
    labels: [],
  })
  await line.waiting(1)
  const answer = revoke({ label: batch })
  await line.waiting(2)
  await line.open()
  await change
  expect(idsOf(await answer)).toEqual([lost.id])
  expect(await verdict(world, kept.secret)).toBe('ACCEPTED')
})

/** Keys like one that was made, as many as could not be made one by one. */
const copies = (keyId: string, many: number): Promise<unknown> =>
  world.deps.prisma.$executeRaw`
    INSERT INTO "ApiKey" ("workspaceId", id, "ownerId", name, "nameKey", start, last4, "allSpaces",
                          permissions, "externalId", "createdAt", "updatedAt")
    SELECT "workspaceId", 'key_' || lpad(i::text, 26, '0'), "ownerId", name || i, name || i, start,
           last4, TRUE, permissions, "externalId", "createdAt" - i * interval '1 s', "updatedAt"
      FROM "ApiKey", generate_series(1, ${many}) i WHERE id = ${keyId}`

test('revokeApiKeys: 1,000 keys are revoked at once, and of one more none', async () => {
  const externalId = name()
  const key = await make({ externalId })
  await copies(key.id, 1_000)
  const before = await stored()
  for (const dryRun of [true, false]) {
    const { codes, paths } = await tryTo({ externalId }, { dryRun })
    expect([codes, paths]).toEqual([['LIMIT_REACHED'], [['input', 'filter']]])
  }
  expect(await stored()).toEqual(before)
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id: key.id })
  const answer = await revoke({ externalId })
  expect(answer.revokedCount).toBe(1_000)
  expect(answer.apiKeys).toHaveLength(100)
  await expectWhole(world, workspace)
  expect(idsOf(answer)[0]).toBe(`key_${'1'.padStart(26, '0')}`)
  expect(await revoke({ externalId })).toEqual({ revokedCount: 0, apiKeys: [] })
})
