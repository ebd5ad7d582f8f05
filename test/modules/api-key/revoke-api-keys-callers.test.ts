import { afterAll, expect, test } from 'vitest'
import { addHuman, humanKey } from '../../setup/human.ts'
import { holdLine } from '../../setup/in-line.ts'
import { done, seed } from '../../setup/seed.ts'
import { createWorld } from '../../setup/world.ts'
import { verdict } from './ask.ts'
import { idsOf, revoking } from './revoking.ts'

const world = await createWorld()
afterAll(() => world.close())
const workspace = await world.createWorkspace()

let count = 0
const name = (): string => `Key ${++count}`
const label = (): { name: string; value: string } => ({ name: 'batch', value: name() })
const make = (input: object = {}, secret = workspace.secret) =>
  seed(world, secret).key({ name: name(), ...input })
const manager = (input: object = {}, secret = workspace.secret) =>
  make(
    { permissions: ['keys:read', 'keys:delete', 'members:read'], allSpaces: true, ...input },
    secret,
  )

const { revoke, tryTo, stored } = revoking(world, workspace)

test('revokeApiKeys: without keys:delete, or what a filter compares, it is FORBIDDEN', async () => {
  const externalId = name()
  await make({ externalId })
  const before = await stored()
  const reader = await make({
    permissions: ['keys:read', 'keys:update'],
    allSpaces: true,
    externalId: 'r',
  })
  const blind = await make({
    permissions: ['keys:read', 'keys:delete'],
    allSpaces: true,
    externalId: 'b',
  })
  const made = await stored()
  expect((await tryTo({ externalId }, {}, reader.secret)).codes).toEqual(['FORBIDDEN'])
  // A key may revoke itself by revokeApiKey alone.
  expect((await tryTo({ externalId: 'r' }, {}, reader.secret)).codes).toEqual(['FORBIDDEN'])
  for (const filter of [{ ownerId: workspace.ownerId }, { createdById: workspace.ownerId }])
    expect((await tryTo(filter, {}, blind.secret)).codes).toEqual(['FORBIDDEN'])
  expect(await stored()).toEqual(made)
  expect(made).not.toEqual(before)
})

test('revokeApiKeys: keys of another workspace are not found', async () => {
  const other = await world.createWorkspace()
  const batch = label()
  const its = { labels: [batch], externalId: batch.value }
  const foreign = await make(its, other.secret)
  const before = await stored(other.id)
  const filters = [
    { label: batch },
    { externalId: batch.value },
    { createdByKeyId: other.keyId },
    { ownerId: other.ownerId },
  ]
  for (const filter of filters)
    expect([filter, await revoke(filter)]).toEqual([filter, { revokedCount: 0, apiKeys: [] }])
  expect(await stored(other.id)).toEqual(before)
  expect(await verdict(world, foreign.secret)).toBe('ACCEPTED')
})

test('revokeApiKeys: who has one of two spaces revokes only the keys that name no other', async () => {
  const batch = label()
  const [a, b] = [
    await seed(world, workspace.secret).space({ name: name() }),
    await seed(world, workspace.secret).space({ name: name() }),
  ]
  const its = { labels: [batch], permissions: ['spaces:read'] }
  const inA = await make({ ...its, spaces: [{ spaceId: a }] })
  const inBoth = await make({ ...its, spaces: [{ spaceId: a }, { spaceId: b }] })
  const everywhere = await make({ ...its, allSpaces: true })
  const { secret } = await manager({ allSpaces: false, spaces: [{ spaceId: a }] })
  for (const dryRun of [true, false])
    expect(idsOf(await revoke({ label: batch }, { dryRun }, secret))).toEqual([inA.id])
  expect(idsOf(await revoke({ spaceId: b }, { dryRun: true }, secret))).toEqual([])
  for (const key of [inBoth, everywhere]) expect(await verdict(world, key.secret)).toBe('ACCEPTED')
})

test("revokeApiKeys: a MEMBER's and a BUILDER's end at their own keys", async () => {
  for (const role of ['MEMBER', 'BUILDER']) {
    const batch = label()
    const robot = await seed(world, workspace.secret).machine({ name: name(), role })
    const its = { labels: [batch], permissions: ['keys:read', 'keys:delete'], allSpaces: true }
    const own = await make({ ...its, ownerId: robot.userId })
    const others = await make(its)
    const caller = await make({ ...its, labels: [], ownerId: robot.userId })
    expect(idsOf(await revoke({ label: batch }, {}, caller.secret))).toEqual([own.id])
    expect(await verdict(world, others.secret)).toBe('ACCEPTED')
  }
})

test("revokeApiKeys: of an OWNER's key among them, by who lacks members:own, it names the key and revokes none", async () => {
  const batch = label()
  const robot = await seed(world, workspace.secret).machine({ name: name(), role: 'ADMIN' })
  const mine = await make({ labels: [batch], ownerId: robot.userId })
  const owners = await make({ labels: [batch], name: `Owner's ${batch.value}` })
  const admin = await manager({ ownerId: robot.userId })
  const before = await stored()
  const query = `mutation ($input: RevokeApiKeysInput!) { revokeApiKeys(input: $input) { revokedCount errors { code } } }`
  for (const dryRun of [true, false]) {
    const input = { filter: { label: batch }, dryRun }
    const { data, errors } = await world.gql(admin.secret, query, { input })
    expect(data.revokeApiKeys).toBeNull()
    expect(errors).toMatchObject([
      {
        message: expect.stringContaining(JSON.stringify(`Owner's ${batch.value}`)),
        extensions: { code: 'FORBIDDEN', missingPermissions: ['members:own'] },
      },
    ])
  }
  expect(await stored()).toEqual(before)
  expect(idsOf(await revoke({ label: batch, ownerId: robot.userId }, {}, admin.secret))).toEqual([
    mine.id,
  ])
  expect(await verdict(world, owners.secret)).toBe('ACCEPTED')
})

test('revokeApiKeys: the calling key is revoked with the others, and is answered', async () => {
  const externalId = name()
  const other = await make({ externalId })
  const caller = await manager({ externalId })
  expect(idsOf(await revoke({ externalId }, {}, caller.secret))).toEqual([caller.id, other.id])
  for (const { secret } of [caller, other]) expect(await verdict(world, secret)).toBe('401 REVOKED')
})

// Between a request's authentication and its transaction its caller can be demoted or revoked.
test('revokeApiKeys: who loses the right to it before its turn revokes nothing', async () => {
  const externalId = name()
  const key = await make({ externalId })
  const robot = await seed(world, workspace.secret).machine({ name: name(), role: 'ADMIN' })
  const demoted = await manager({ ownerId: robot.userId })
  const revoked = await manager()
  const member = { id: robot.id, role: 'BUILDER' }
  for (const [caller, mutation, input, codes] of [
    [demoted, 'updateMember', member, []],
    [revoked, 'revokeApiKey', { id: revoked.id }, ['REVOKED']],
  ] as const) {
    const line = holdLine(world.deps, workspace.id)
    const change = done(world, workspace.secret, mutation, 'errors { code }', input)
    await line.waiting(1)
    const late = tryTo({ externalId }, {}, caller.secret)
    await line.waiting(2)
    await line.open()
    await change
    const { payload, codes: refused } = await late
    expect([mutation, refused, payload?.revokedCount ?? 0]).toEqual([mutation, codes, 0])
  }
  expect(await verdict(world, key.secret)).toBe('ACCEPTED')
})

test('revokeApiKeys: an ADMIN, signed in by a key of a human, revokes those of others but OWNERs', async () => {
  const batch = label()
  const human = await addHuman(world, workspace, 'ADMIN')
  const { secret } = await humanKey(world, workspace, human, {
    permissions: ['*'],
    allSpaces: true,
  })
  const robot = await seed(world, workspace.secret).machine({ name: name(), role: 'BUILDER' })
  const key = await make({ labels: [batch], ownerId: robot.userId })
  expect(idsOf(await revoke({ label: batch }, {}, secret))).toEqual([key.id])
})
