import { expect, test } from 'vitest'
import type { AuditEvent } from '../../../src/generated/prisma/client.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { attempt } from '../api-key/ask.ts'
import { whileBlocked } from './blocked-chain.ts'
import { expectWhole } from './expect-whole.ts'

useWorld()

const eventsOf = ({ id }: TestWorkspace): Promise<AuditEvent[]> =>
  world.deps.prisma.auditEvent.findMany({
    where: { workspaceId: id },
    orderBy: { sequence: 'asc' },
  })

const rowOf = ({ id }: TestWorkspace) =>
  world.deps.prisma.workspace.findUniqueOrThrow({ where: { id } })

// The log proves what happened only if none of it can be changed, dropped or swapped unseen.
test('every event is chained to the one before it, up to the head in the workspace', async () => {
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  await make.space({ name: 'Ünï "quoted" \\ 🙂', description: 'line\nbreak' })
  const key = await make.key({ name: 'ключ', permissions: ['keys:*'], requestsPerMinute: 5 })
  await done(world, workspace.secret, 'rotateApiKey', 'apiKey { id }', { id: key.id })
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id: key.id, reason: '"' })
  const events = await expectWhole(world, workspace)
  expect(events).toHaveLength(5)
  expect(events[0]?.previousHash).toBeNull()
})

// Two that take the same place in the chain would break it, and with it the proof.
test('30 changes at once leave a chain without a gap, and none is lost', async () => {
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const names = Array.from({ length: 30 }, (_, index) => `space ${index}`)
  await Promise.all(names.map((name) => make.space({ name })))
  const events = await expectWhole(world, workspace)
  expect(
    events
      .flatMap(({ targetName }) => targetName ?? [])
      .slice(1)
      .sort(),
  ).toEqual(names.sort())
  expect((await rowOf(workspace)).epoch).toBe(31n)
})

// A change that nobody can be shown to have made must not have been made.
test('a change whose event cannot be written is not made', async () => {
  const workspace = await world.createWorkspace()
  const key = await seed(world, workspace.secret).key({ name: 'kept' })
  await whileBlocked(world, workspace, async () => {
    const before = [await rowOf(workspace), await keysOf(workspace), await eventsOf(workspace)]
    for (const [mutation, input] of [
      ['createApiKey', { name: 'another' }],
      ['createSpace', { name: 'another' }],
      ['rotateApiKey', { id: key.id }],
      ['revokeApiKey', { id: key.id }],
      ['updateWorkspace', { name: 'another' }],
    ] as const) {
      const { codes } = await attempt(world, workspace.secret, mutation, input)
      expect(codes).toHaveLength(1)
    }
    expect([await rowOf(workspace), await keysOf(workspace), await eventsOf(workspace)]).toEqual(
      before,
    )
    expect(await world.deps.prisma.space.count({ where: { workspaceId: workspace.id } })).toBe(0)
  })
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id: key.id })
  await expectWhole(world, workspace)
})

const keysOf = ({ id }: TestWorkspace) =>
  world.deps.prisma.apiKey.findMany({
    where: { workspaceId: id },
    include: { secrets: true, scopes: true, grants: true },
    orderBy: { id: 'asc' },
  })

// What was refused has changed nothing, and so tells every cache and the log nothing.
test('a mutation that fails leaves no row, no event and no raised epoch', async () => {
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const key = await make.key({ name: 'taken' })
  const weak = await make.key({ name: 'weak', permissions: ['keys:read', 'keys:create'] })
  await make.space({ name: 'taken' })
  const before = [await rowOf(workspace), await keysOf(workspace)]
  const failures: [string, string, Record<string, unknown>, string][] = [
    [workspace.secret, 'createApiKey', { name: 'TAKEN' }, 'NAME_TAKEN'],
    [
      workspace.secret,
      'createApiKey',
      { name: 'a', permissions: ['no:such'] },
      'UNKNOWN_PERMISSION',
    ],
    [workspace.secret, 'createApiKey', { name: 'a', scopeIds: ['scp_x'] }, 'NOT_FOUND'],
    [workspace.secret, 'createSpace', { name: 'taken' }, 'NAME_TAKEN'],
    [workspace.secret, 'rotateApiKey', { id: 'key_x' }, 'NOT_FOUND'],
    [workspace.secret, 'rotateApiKey', { id: key.id, overlapSeconds: -1 }, 'INVALID'],
    [workspace.secret, 'removeMember', { id: workspace.ownerMemberId }, 'WRONG_STATE'],
    [weak.secret, 'createApiKey', { name: 'a', permissions: ['audit:read'], allSpaces: true }, ''],
    [weak.secret, 'revokeApiKey', { id: key.id }, 'FORBIDDEN'],
  ]
  for (const [secret, mutation, input, code] of failures) {
    const { codes } = await attempt(world, secret, mutation, input)
    expect(codes.length).toBeGreaterThan(0)
    if (code !== '') expect(codes).toEqual([code])
  }
  expect([await rowOf(workspace), await keysOf(workspace)]).toEqual(before)
  await expectWhole(world, workspace)
})
