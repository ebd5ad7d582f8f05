import { expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'

useWorkspace()

// An auditor asks who did what to which key, from where, and finds the request in the log.
test('an event tells who, with which key, from where, in which request, and what changed', async () => {
  const make = seed(world, workspace.secret)
  const acting = await make.key({ name: 'acting', permissions: ['keys:*'], allSpaces: true })
  const key = await make.key({ name: 'before', description: 'old', permissions: ['keys:read'] })
  const begun = Date.now()
  const { headers, errors } = await world.gql(
    acting.secret,
    `mutation ($input: UpdateApiKeyInput!) { updateApiKey(input: $input) { errors { code } } }`,
    {
      input: {
        id: key.id,
        name: 'after',
        description: null,
        permissions: [],
        allowedIps: ['10.0.0.0/8'],
      },
    },
    { address: '198.51.100.9' },
  )
  expect(errors).toEqual([])
  const event = await world.deps.prisma.auditEvent.findFirstOrThrow({
    where: { action: 'api_key.updated', targetId: key.id },
  })
  expect(event).toMatchObject({
    workspaceId: workspace.id,
    actorKind: 'API_KEY',
    actorId: workspace.ownerId,
    actorName: 'Olga Owner',
    apiKeyId: acting.id,
    targetId: key.id,
    targetName: 'before',
    ip: '198.51.100.9',
    requestId: headers.get('x-request-id'),
  })
  expect(event.at.getTime()).toBeGreaterThan(begun - 1_000)
  expect(event.at.getTime()).toBeLessThan(Date.now() + 1_000)
  expect(JSON.parse(event.changes)).toEqual([
    { field: 'name', before: '"before"', after: '"after"' },
    { field: 'description', before: '"old"', after: 'null' },
    { field: 'permissions', before: '["keys:read"]', after: '[]' },
    { field: 'allowedIps', before: 'null', after: '["10.0.0.0/8"]' },
  ])
})

// The history must read the same when a key or person is called something else, or is gone.
test('an event keeps the names as they were', async () => {
  const make = seed(world, workspace.secret)
  const robot = await make.machine({ name: 'Old name', role: 'ADMIN' })
  const key = await make.key({ name: 'theirs', ownerId: robot.userId, permissions: ['scopes:*'] })
  await done(world, key.secret, 'createScope', 'scope { id }', { name: 'Made by a robot' })
  await done(world, workspace.secret, 'updateMember', 'member { id }', {
    id: robot.id,
    name: 'New name',
  })
  const event = await world.deps.prisma.auditEvent.findFirstOrThrow({
    where: { workspaceId: workspace.id, targetName: 'Made by a robot' },
  })
  expect(event).toMatchObject({ actorId: robot.userId, actorName: 'Old name', apiKeyId: key.id })
})

// A first workspace is made by whoever runs the server: no caller is made up for it.
test('what the operator did has no actor but the operator', async () => {
  const fresh = await world.createWorkspace()
  const events = await world.deps.prisma.auditEvent.findMany({ where: { workspaceId: fresh.id } })
  expect(events).toMatchObject([
    {
      action: 'api_key.created',
      actorKind: null,
      actorId: null,
      actorName: 'operator',
      apiKeyId: null,
      ip: null,
      requestId: null,
    },
  ])
})

// How long an old secret was to live, and how it was to end, is what an auditor of a leak asks.
test('a rotation and a transfer tell how the old secret ended before, and how it ends now', async () => {
  const make = seed(world, workspace.secret)
  const robot = await make.machine({ name: 'rotated robot', role: 'MEMBER' })
  const { id } = await make.key({ name: 'rotated twice' })
  let expectedRotatedAt: string | undefined
  const change = async (mutation: string, input: object): Promise<string | null> => {
    const selection = 'apiKey { previousSecretExpiresAt rotatedAt }'
    const payload = await done(world, workspace.secret, mutation, selection, { id, ...input })
    expectedRotatedAt = payload.apiKey.rotatedAt
    return payload.apiKey.previousSecretExpiresAt
  }
  const first = await change('rotateApiKey', { retirePreviousOnFirstUse: true })
  const second = await change('rotateApiKey', { overlapSeconds: 60, expectedRotatedAt })
  expect(await change('transferApiKey', { ownerId: robot.userId })).toBeNull()
  const events = await world.deps.prisma.auditEvent.findMany({
    where: { targetId: id, action: { in: ['api_key.rotated', 'api_key.transferred'] } },
    orderBy: { sequence: 'asc' },
  })
  const told = events.map(({ changes }) =>
    Object.fromEntries(
      JSON.parse(changes).map(({ field, before, after }: any) => [
        field,
        [JSON.parse(before), JSON.parse(after)],
      ]),
    ),
  )
  expect(told).toEqual([
    { previousSecretExpiresAt: [null, first], retirePreviousOnFirstUse: [false, true] },
    { previousSecretExpiresAt: [first, second], retirePreviousOnFirstUse: [true, false] },
    { previousSecretExpiresAt: [second, null], ownerId: [workspace.ownerId, robot.userId] },
  ])
})
