import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { hashSecret } from '../../../src/auth/credentials/hash.ts'
import { maxChanges } from '../../../src/modules/audit/audit.schema.ts'
import { schema } from '../../../src/schema/schema.ts'
import { insertDelivery } from '../../auth/insert-delivery.ts'
import { seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { contentsOf, whileBlocked } from './blocked-chain.ts'

useWorkspace()

const marksOf = async ({ id }: TestWorkspace): Promise<{ epoch: bigint; auditSequence: bigint }> =>
  world.deps.prisma.workspace.findUniqueOrThrow({
    where: { id },
    select: { epoch: true, auditSequence: true },
  })

// A change without an event cannot be proved; one without a new epoch is not seen by every cache.
test('every mutation writes one event, or changes nothing; it raises the epoch by one, agents, webhooks and new tokens excepted', async () => {
  const other = await world.createWorkspace()
  const marksElsewhere = await marksOf(other)
  const tried = new Set<string>()
  const secrets: (string | never[])[] = [workspace.secret]
  const encodings = ['hex', 'base64', 'base64url'] as const
  const address = '198.51.100.3'
  const expectOne = async (
    mutation: string,
    selection: string,
    input: object,
    action: string,
    { raises = 1n, secret = workspace.secret } = {},
  ): Promise<any> => {
    tried.add(mutation)
    const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`
    const query = `mutation ($input: ${type}!) { ${mutation}(input: $input) { ${selection} errors { code } } }`
    const ask = () => world.gql(secret, query, { input }, { address })
    await whileBlocked(world, workspace, async () => {
      const contents = await contentsOf(world, workspace)
      const failed = await ask()
      expect([mutation, failed.errors.length]).toEqual([mutation, 1])
      expect([mutation, await contentsOf(world, workspace)]).toEqual([mutation, contents])
    })
    const before = await marksOf(workspace)
    const { data, errors, headers } = await ask()
    const payload = data?.[mutation]
    expect([mutation, errors, payload?.errors]).toEqual([mutation, [], []])
    secrets.push(payload.secret ?? payload.token ?? payload.signingSecret ?? [])
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
      targetId: expect.stringMatching(/^[a-z]{3}_/),
      targetName: expect.stringMatching(/./),
      ip: address,
      requestId: headers.get('x-request-id'),
    })
    expect(JSON.parse(event.changes).length).toBeLessThanOrEqual(maxChanges)
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
  const withSecret = `${key} secret`
  const id = (await expectOne('createApiKey', withSecret, { name: 'K' }, 'api_key.created')).apiKey
    .id
  await expectOne('updateApiKey', key, { id, name: 'L' }, 'api_key.updated')
  await expectOne('rotateApiKey', withSecret, { id }, 'api_key.rotated')
  await expectOne('disableApiKey', key, { id }, 'api_key.disabled')
  await expectOne('enableApiKey', key, { id }, 'api_key.enabled')
  await expectOne(
    'transferApiKey',
    withSecret,
    { id, ownerId: robot.user.id },
    'api_key.transferred',
  )
  await expectOne('revokeApiKey', key, { id }, 'api_key.revoked')
  await seed(world, workspace.secret).key({ name: 'M', externalId: 'm' })
  const filter = { externalId: 'm' }
  await expectOne('revokeApiKeys', 'revokedCount', { filter }, 'api_key.revoked')
  await expectOne('removeMember', member, { id: human.id }, 'member.removed')
  const imported = { name: 'I', ownerId: robot.user.id, encoding: 'PLAINTEXT' }
  const elsewhere = randomBytes(24).toString('hex')
  secrets.push(elsewhere)
  const legacy = await expectOne(
    'importLegacyKeys',
    'results { apiKey { id } }',
    { keys: [{ ...imported, value: elsewhere }] },
    'api_key.imported',
  )
  const { id: legacyId } = legacy.results[0].apiKey
  await expectOne('migrateLegacyKey', withSecret, { id: legacyId }, 'api_key.migrated')
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

  const silent = { raises: 0n }
  const endpoint = 'endpoint { id }'
  const made = await expectOne(
    'createWebhookEndpoint',
    `${endpoint} signingSecret`,
    { url: 'https://hooks.example.com/' },
    'webhook_endpoint.created',
    silent,
  )
  const { id: endpointId } = made.endpoint
  const failed = await insertDelivery(world, workspace, endpointId)
  await expectOne(
    'retryWebhookDelivery',
    'delivery { id }',
    { id: failed },
    'webhook_delivery.retried',
    silent,
  )
  const off = { id: endpointId, enabled: false }
  await expectOne('updateWebhookEndpoint', endpoint, off, 'webhook_endpoint.updated', silent)
  const gone = { id: endpointId }
  await expectOne('deleteWebhookEndpoint', 'deletedId', gone, 'webhook_endpoint.deleted', silent)

  // Its events are the first of another chain: see create-workspace.test.ts.
  tried.add('createWorkspace')
  // Runs end by themselves: see modules/run/events.test.ts.
  tried.add('runAgent').add('cancelRun')
  // It changes nothing.
  tried.add('verifyApiKey')
  expect([...tried].sort()).toEqual(Object.keys(schema.getMutationType()?.getFields() ?? {}).sort())
  expect(await marksOf(other)).toEqual(marksElsewhere)

  // Who reads the log must not learn a secret from it.
  const events = await world.deps.prisma.auditEvent.findMany({ omit: { sequence: true } })
  const log = JSON.stringify(events)
  expect(secrets.flat().length).toBeGreaterThan(7)
  for (const secret of secrets.flat())
    for (const text of [
      secret,
      ...encodings.map((it) => Buffer.from(hashSecret(secret)).toString(it)),
    ])
      expect(log).not.toContain(text)
})
