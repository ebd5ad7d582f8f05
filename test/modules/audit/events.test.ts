import { expect, test } from 'vitest'
import { schema } from '../../../src/schema/schema.ts'
import { insertDelivery } from '../../auth/insert-delivery.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'

useWorkspace()

const marksOf = async ({ id }: TestWorkspace): Promise<{ epoch: bigint; auditSequence: bigint }> =>
  world.deps.prisma.workspace.findUniqueOrThrow({
    where: { id },
    select: { epoch: true, auditSequence: true },
  })

// A change without an event cannot be proved; one without a new epoch is not seen by every cache.
test('every mutation writes one event and raises the epoch by one, agents, webhooks and new tokens excepted', async () => {
  const other = await world.createWorkspace()
  const elsewhere = await marksOf(other)
  const tried = new Set<string>()
  const expectOne = async (
    mutation: string,
    selection: string,
    input: object,
    action: string,
    { raises = 1n, secret = workspace.secret } = {},
  ): Promise<any> => {
    tried.add(mutation)
    const before = await marksOf(workspace)
    const payload = await done(world, secret, mutation, selection, { ...input })
    expect([mutation, await marksOf(workspace)]).toEqual([
      mutation,
      { epoch: before.epoch + raises, auditSequence: before.auditSequence + 1n },
    ])
    const event = await world.deps.prisma.auditEvent.findFirstOrThrow({
      where: { workspaceId: workspace.id, sequence: before.auditSequence + 1n },
    })
    expect([mutation, event.action]).toEqual([mutation, action])
    expect(event).toMatchObject({
      actorKind: secret === workspace.secret ? 'API_KEY' : 'ACCESS_TOKEN',
      actorId: workspace.ownerId,
      actorName: 'Olga Owner',
      apiKeyId: workspace.keyId,
      accessTokenId: secret === workspace.secret ? null : expect.stringMatching(/^tok_/),
    })
    return payload
  }
  const space = 'space { id }'
  const spaceId = (await expectOne('createSpace', space, { name: 'S' }, 'space.created')).space.id
  await expectOne('updateSpace', space, { id: spaceId, name: 'T' }, 'space.updated')
  const agent = 'agent { id }'
  const agentId = (
    await expectOne('createAgent', agent, { name: 'A', spaceIds: [spaceId] }, 'agent.created', {
      raises: 0n,
    })
  ).agent.id
  await expectOne('updateAgent', agent, { id: agentId, name: 'B' }, 'agent.updated', { raises: 0n })
  const session = 'session { id }'
  const begun = await expectOne('createSession', session, { agentId }, 'session.created', {
    raises: 0n,
  })
  const { id: sessionId } = begun.session
  const file = new File(['text'], 'text.txt')
  const given = await expectOne(
    'uploadDocument',
    'document { id }',
    { sessionId, file },
    'document.uploaded',
    { raises: 0n },
  )
  const { id: documentId } = given.document
  await expectOne('deleteDocument', 'deletedId', { id: documentId }, 'document.deleted', {
    raises: 0n,
  })
  await expectOne('terminateSession', session, { id: sessionId }, 'session.terminated', {
    raises: 0n,
  })
  await expectOne('deleteAgent', 'deletedId', { id: agentId }, 'agent.deleted', { raises: 0n })
  const scope = 'scope { id }'
  const scopeId = (
    await expectOne(
      'createScope',
      scope,
      { name: 'C', permissions: ['keys:read'] },
      'scope.created',
    )
  ).scope.id
  await expectOne('updateScope', scope, { id: scopeId, permissions: [] }, 'scope.updated')
  await expectOne('deleteScope', 'deletedId', { id: scopeId }, 'scope.deleted')
  const member = 'member { id user { id } }'
  const robot = (
    await expectOne('createMachineUser', member, { name: 'R', role: 'MEMBER' }, 'member.added')
  ).member
  const added = { email: 'new@example.com', role: 'MEMBER' }
  const human = (await expectOne('addMember', member, added, 'member.added')).member
  await expectOne('updateMember', member, { id: human.id, role: 'BUILDER' }, 'member.updated')
  const inSpace = { spaceId, memberId: robot.id }
  await expectOne('addSpaceMember', space, inSpace, 'space.member_added')
  await expectOne('removeSpaceMember', space, inSpace, 'space.member_removed')
  await expectOne('deleteSpace', 'deletedId', { id: spaceId }, 'space.deleted')
  const key = 'apiKey { id }'
  const id = (await expectOne('createApiKey', key, { name: 'K' }, 'api_key.created')).apiKey.id
  await expectOne('updateApiKey', key, { id, name: 'L' }, 'api_key.updated')
  await expectOne('rotateApiKey', key, { id }, 'api_key.rotated')
  await expectOne('disableApiKey', key, { id }, 'api_key.disabled')
  await expectOne('enableApiKey', key, { id }, 'api_key.enabled')
  await expectOne('transferApiKey', key, { id, ownerId: robot.user.id }, 'api_key.transferred')
  await expectOne('revokeApiKey', key, { id }, 'api_key.revoked')
  await seed(world, workspace.secret).key({ name: 'M', externalId: 'm' })
  const filter = { externalId: 'm' }
  await expectOne('revokeApiKeys', 'revokedCount', { filter }, 'api_key.revoked')
  await expectOne('removeMember', member, { id: human.id }, 'member.removed')
  const imported = { name: 'I', ownerId: robot.user.id, encoding: 'PLAINTEXT' }
  const legacy = await expectOne(
    'importLegacyKeys',
    'results { apiKey { id } }',
    { keys: [{ ...imported, value: 'from-another-system' }] },
    'api_key.imported',
  )
  const { id: legacyId } = legacy.results[0].apiKey
  await expectOne('migrateLegacyKey', key, { id: legacyId }, 'api_key.migrated')
  const token = 'token accessToken { id }'
  const [minted, created] = ['createAccessToken', 'access_token.created'] as const
  const secret = (await expectOne(minted, token, {}, created, { raises: 0n })).token
  const successor = await expectOne('rotateAccessToken', token, {}, 'access_token.rotated', {
    secret,
  })
  const revoked = { id: successor.accessToken.id }
  await expectOne('revokeAccessToken', 'accessToken { id }', revoked, 'access_token.revoked')
  await expectOne(minted, token, {}, created, { raises: 0n })
  const apiKeyId = workspace.keyId
  const all = 'api_key.access_tokens_revoked'
  await expectOne('revokeAccessTokens', 'revokedCount', { apiKeyId }, all)
  await expectOne('updateWorkspace', 'workspace { id }', { name: 'N' }, 'workspace.updated')

  const endpoint = async (verb: string, input: object, action: string) =>
    (
      await expectOne(
        `${verb}WebhookEndpoint`,
        verb === 'delete' ? 'deletedId' : 'endpoint { id }',
        input,
        `webhook_endpoint.${action}`,
        { raises: 0n },
      )
    ).endpoint?.id
  const url = 'https://hooks.example.com/'
  const endpointId = await endpoint('create', { url }, 'created')
  const failed = await insertDelivery(world, workspace, endpointId)
  const [retry, retried] = ['retryWebhookDelivery', 'webhook_delivery.retried'] as const
  await expectOne(retry, 'delivery { id }', { id: failed }, retried, { raises: 0n })
  await endpoint('update', { id: endpointId, enabled: false }, 'updated')
  await endpoint('delete', { id: endpointId }, 'deleted')

  // Its events are the first of another chain: see create-workspace.test.ts.
  tried.add('createWorkspace')
  // Runs end by themselves: see modules/run/events.test.ts.
  tried.add('runAgent').add('cancelRun')
  // It changes nothing.
  tried.add('verifyApiKey')
  expect([...tried].sort()).toEqual(Object.keys(schema.getMutationType()?.getFields() ?? {}).sort())
  expect(await marksOf(other)).toEqual(elsewhere)
})

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
