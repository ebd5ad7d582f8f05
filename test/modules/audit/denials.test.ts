import { expect, test } from 'vitest'
import { createApiKeySecret } from '../../../src/auth/credentials/format.ts'
import { newId } from '../../../src/ids.ts'
import { DenialTally } from '../../../src/jobs/denials.ts'
import { recordDenials } from '../../../src/modules/audit/record-denials.ts'
import { done } from '../../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { mint, rewrite } from '../access-token/ask.ts'
import { verdict } from '../api-key/ask.ts'
import { verify } from '../credential/ask.ts'
import { whileBlocked } from './blocked-chain.ts'
import { expectWhole } from './expect-whole.ts'

useWorkspace()

const rowOf = () => world.deps.prisma.workspace.findUniqueOrThrow({ where: { id: workspace.id } })

/** The events that are written for what `refused` does, with their fields by name. */
async function eventsOf(refused: () => unknown) {
  await recordDenials(world.deps)
  const { auditSequence, epoch } = await rowOf()
  await refused()
  expect((await rowOf()).auditSequence).toBe(auditSequence)
  await recordDenials(world.deps)
  expect((await rowOf()).epoch).toBe(epoch)
  const events = await world.deps.prisma.auditEvent.findMany({
    where: { workspaceId: workspace.id, sequence: { gt: auditSequence } },
    orderBy: { sequence: 'asc' },
  })
  return events.map(({ changes, ...event }) => ({
    ...event,
    told: Object.fromEntries(
      JSON.parse(changes).map(({ field, after }: any) => [field, JSON.parse(after)]),
    ),
  }))
}

const times = async (count: number, ask: () => Promise<unknown>): Promise<void> => {
  for (let from = 0; from < count; from += 500)
    await Promise.all(Array.from({ length: Math.min(500, count - from) }, ask))
}

// A flood of refusals must neither fill the disk nor hide how large it was.
test('a flood of refused requests leaves one event with a true count, and changes no right', async () => {
  const key = await make.key({ name: 'flooding', permissions: ['keys:*'] })
  const { id } = key
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id })
  const address = '198.51.100.7'
  let last = ''
  const events = await eventsOf(async () => {
    await times(2_999, () => verdict(world, key.secret, { address: '198.51.100.6' }))
    const { headers } = await world.gql(key.secret, '{ viewer { kind } }', {}, { address })
    last = headers.get('x-request-id') ?? ''
  })
  expect(events).toMatchObject([
    {
      action: 'credential.refused',
      actorKind: 'API_KEY',
      actorId: workspace.ownerId,
      actorName: 'Olga Owner',
      apiKeyId: id,
      accessTokenId: null,
      targetId: id,
      targetName: 'flooding',
      ip: address,
      requestId: last,
      told: { reason: 'REVOKED', count: 3_000 },
    },
  ])
  const { firstAt, lastAt } = events[0]?.told ?? {}
  expect(new Date(firstAt).getTime()).toBeLessThanOrEqual(new Date(lastAt).getTime())
  await expectWhole(world, workspace)
  expect(await eventsOf(() => undefined)).toEqual([])
})

test('each credential has an event of its own for each reason', async () => {
  const space = await make.space({ name: 'a' })
  const weak = await make.key({ name: 'weak', permissions: ['keys:read'], requestsPerMinute: 9 })
  const bound = await make.key({ name: 'bound' })
  const minted = await mint(world, weak.secret)
  const expired = await mint(world, bound.secret)
  const bounds = { id: bound.id, allowedIps: ['10.0.0.1'] }
  await done(world, workspace.secret, 'updateApiKey', 'apiKey { id }', bounds)
  await rewrite(world, workspace.id, [expired], { expiresAt: new Date(0) })
  const scopes = '{ apiKeys(after: "x") { nodes { id } } scopes { nodes { id } } }'
  const from = (address: string) => ({ address })
  const verified = (input: object) => verify(world, workspace.secret, { ...input, cost: 0 })
  const events = await eventsOf(async () => {
    // A denial counts, whatever else fails before it.
    await times(2, () => world.gql(weak.secret, scopes))
    await world.gql(minted.token, '{ agents { nodes { id } } }')
    await world.gql(minted.token, '{ members { nodes { id } } }')
    await verified({ secret: bound.secret, ip: '10.0.0.2' })
    await verified({ secret: minted.token, permissions: ['keys:verify'] })
    await verified({ secret: weak.secret, spaceIds: [space] })
    await world.gql(expired.token, '{ viewer { kind } }', {}, from('10.0.0.1'))
    await times(20, () => world.gql(weak.secret, '{ viewer { kind } }'))
  })
  const told = events.map(({ action, targetName, actorKind, accessTokenId, ip, told: its }) => [
    `${action} ${targetName} ${actorKind} ${its.reason} ${its.count}`,
    accessTokenId,
    ip,
    its.missingPermissions,
  ])
  expect(told).toEqual([
    ['request.denied weak API_KEY FORBIDDEN 2', null, null, ['scopes:read']],
    [
      'request.denied weak ACCESS_TOKEN FORBIDDEN 2',
      minted.id,
      null,
      ['agents:read', 'members:read'],
    ],
    ['credential.refused bound API_KEY IP_NOT_ALLOWED 1', null, '10.0.0.2', undefined],
    [
      'request.denied weak ACCESS_TOKEN INSUFFICIENT_PERMISSIONS 1',
      minted.id,
      null,
      ['keys:verify'],
    ],
    ['request.denied weak API_KEY SPACE_NOT_ALLOWED 1', null, null, undefined],
    ['credential.refused bound ACCESS_TOKEN EXPIRED 1', expired.id, '10.0.0.1', undefined],
    [
      expect.stringMatching(/^request.rate_limited weak API_KEY RATE_LIMITED 1\d$/),
      null,
      null,
      undefined,
    ],
  ])
})

test('what is no known credential of the workspace is in no log', async () => {
  const other = await world.createWorkspace()
  const events = await eventsOf(async () => {
    for (const secret of [createApiKeySecret('lk'), 'nonsense', null]) await verdict(world, secret)
    await verdict(world, other.secret, { headers: { 'x-workspace-id': workspace.slug } })
    world.deps.denials.add({ ...denial(1), userId: newId('usr'), keyId: undefined })
    world.deps.denials.add(denial(2))
    world.deps.denials.add({ ...denial(2), workspaceId: newId('wsp') })
  })
  expect(events).toEqual([])
  expect(world.deps.denials.take().sums).toEqual([])
})

const denial = (index: number) => ({
  workspaceId: workspace.id,
  keyId: `key_${String(index).padStart(26, '0')}`,
  reason: 'REVOKED',
  requestId: String(index),
})

const sumOf = (sums: readonly { count: number }[]): number =>
  sums.reduce((sum, { count }) => sum + count, 0)

test('however many credentials are refused, few sums are held, and none is lost in a workspace', () => {
  const tally = new DenialTally()
  for (let round = 0; round < 2; round += 1)
    for (let index = 0; index < 5_000; index += 1) tally.add(denial(index))
  const { sums, lost } = tally.take()
  expect([sums.length, sumOf(sums), lost]).toEqual([101, 10_000, 0])
  tally.restore(sums)
  tally.add(denial(0))
  expect(sumOf(tally.take().sums)).toBe(10_001)

  for (let index = 0; index < 20_000; index += 1)
    tally.add({ ...denial(index), workspaceId: `wsp_${index}` })
  const many = tally.take()
  expect([many.sums.length, sumOf(many.sums) + many.lost]).toEqual([10_000, 20_000])
})

test('the credentials of a workspace beyond 100 have one event together', async () => {
  const events = await eventsOf(() => {
    for (let index = 0; index < 300; index += 1) world.deps.denials.add(denial(index))
  })
  expect(events).toMatchObject([
    {
      actorName: 'several credentials',
      actorId: null,
      targetId: workspace.id,
      told: { count: 200 },
    },
  ])
})

test('what cannot be written is written with the next, and counted once', async () => {
  const key = await make.key({ name: 'ended' })
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: key.id })
  const events = await eventsOf(async () => {
    await times(3, () => verdict(world, key.secret))
    await whileBlocked(world, workspace, () => recordDenials(world.deps))
    await times(4, () => verdict(world, key.secret))
  })
  expect(events).toMatchObject([{ told: { reason: 'DISABLED', count: 7 } }])
  expect(world.logs.join()).toContain('denied requests are not in the audit log yet')
  await expectWhole(world, workspace)
})
