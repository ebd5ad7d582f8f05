import { beforeAll, expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { directly } from './ask.ts'

const ids: Record<string, string> = {}
let spaceId: string
let scopeId: string
let robot: { id: string; userId: string }

useWorkspace()
beforeAll(async () => {
  const make = seed(world, workspace.secret)
  spaceId = await make.space({ name: 'filtered' })
  scopeId = await make.scope({ name: 'filtered', permissions: ['agents:read'] })
  robot = await make.machine({ name: 'Robot', role: 'ADMIN' })
  const add = async (
    name: string,
    input: object = {},
    secret = workspace.secret,
  ): Promise<string> => (await seed(world, secret).key({ name, ...input })).secret
  const maker = await add('maker', {
    ownerId: robot.userId,
    permissions: ['keys:*', 'members:read'],
    allSpaces: true,
  })
  await add('made', {}, maker)
  await add('named', { permissions: ['spaces:read'], spaces: [{ spaceId }] })
  await add('scoped', { scopeIds: [scopeId], spaces: [] })
  await add('aliased', { permissions: ['agents:*'], spaces: [] })
  await add('100% sure_thing', { expiresAt: '2090-06-01T00:00:00Z' })
  await add('disabled')
  await add('revoked')
  await add('expired', { expiresAt: '2091-06-01T00:00:00Z' })
  const rows = await world.deps.prisma.apiKey.findMany({ where: { workspaceId: workspace.id } })
  for (const { id, name } of rows) ids[id === workspace.keyId ? 'owner' : name] = id
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: ids.disabled })
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id: ids.revoked })
  const past = new Date('2021-06-01T00:00:00Z')
  await directly(world, workspace.id, async (prisma) => {
    const of = (name: string) => ({ where: { id: String(ids[name]) } })
    await prisma.apiKey.updateMany({ ...of('expired'), data: { expiresAt: past } })
    await prisma.apiKey.updateMany({ ...of('scoped'), data: { createdAt: past } })
    await prisma.apiKey.updateMany({ ...of('named'), data: { legacy: true } })
  })
})

const nameOf = (id: string): string =>
  Object.entries(ids).find(([, each]) => each === id)?.[0] ?? id

async function listed(filter: object, secret = workspace.secret): Promise<string[]> {
  const query =
    'query ($filter: ApiKeyFilter) { apiKeys(first: 100, filter: $filter) { nodes { id } } }'
  const { data, errors } = await world.gql(secret, query, { filter })
  expect(errors).toEqual([])
  return data.apiKeys.nodes.map(({ id }: { id: string }) => nameOf(id)).sort()
}

test('every filter gives what it names, and nothing else', async () => {
  const all = await listed({})
  expect(all).toHaveLength(10)
  const without = (...names: string[]): string[] => all.filter((name) => !names.includes(name))
  const cases: [object, string[]][] = [
    [{ status: 'DISABLED' }, ['disabled']],
    [{ status: 'REVOKED' }, ['revoked']],
    [{ status: 'EXPIRED' }, ['expired']],
    [{ status: 'ACTIVE' }, without('disabled', 'revoked', 'expired')],
    [{ ownerId: robot.userId }, ['made', 'maker']],
    [{ ownerId: workspace.ownerId }, without('made', 'maker')],
    [{ ownerId: robot.id }, []],
    [{ spaceId }, ['maker', 'named', 'owner']],
    [{ spaceId: 'spc_x' }, []],
    [{ scopeId }, ['scoped']],
    [{ scopeId: 'scp_x' }, []],
    [{ permission: 'agents:read' }, ['aliased', 'owner', 'scoped']],
    [{ permission: 'agents:delete' }, ['aliased', 'owner']],
    [{ permission: 'agents:*' }, ['aliased', 'owner']],
    [{ permission: 'audit:read' }, ['owner']],
    [{ legacy: true }, ['named']],
    [{ legacy: false }, without('named')],
    [{ createdById: robot.userId }, ['made']],
    [{ createdById: workspace.ownerId }, without('made', 'owner')],
    [{ createdByKeyId: ids.maker }, ['made']],
    [{ createdByKeyId: workspace.keyId }, without('made', 'owner')],
    [{ createdBefore: '2021-06-01T00:00:00.001Z' }, ['scoped']],
    [{ createdBefore: '2021-06-01T00:00:00Z' }, []],
    [{ createdAfter: '2021-06-01T00:00:00Z' }, without('scoped')],
    [{ createdAfter: '2021-05-31T23:59:59Z' }, all],
    [{ expiresBefore: '2090-06-01T00:00:00.001Z' }, ['100% sure_thing', 'expired']],
    [{ expiresBefore: '2090-06-01T00:00:00Z' }, ['expired']],
    [{ expiresAfter: '2090-05-31T00:00:00Z' }, ['100% sure_thing']],
    [{ expiresAfter: '2090-06-01T00:00:00Z' }, []],
    [{ search: 'MADE' }, ['made']],
    [{ search: '0% s' }, ['100% sure_thing']],
    [{ search: 'e_t' }, ['100% sure_thing']],
    [{ search: '%' }, ['100% sure_thing']],
    [{ search: 'nowhere' }, []],
    [{ status: 'ACTIVE', ownerId: robot.userId, permission: 'keys:read' }, ['maker']],
    [{ status: 'REVOKED', search: 'made' }, []],
  ]
  for (const [filter, names] of cases)
    expect([filter, await listed(filter)]).toEqual([filter, [...names].sort()])
})

// A filter must not answer about what its asker cannot see.
test('a filter gives nothing of another workspace, nor of a space out of reach', async () => {
  const other = await world.createWorkspace()
  for (const filter of [
    { spaceId },
    { scopeId },
    { ownerId: robot.userId },
    { createdByKeyId: ids.maker },
    { createdById: workspace.ownerId },
    { search: 'made' },
  ])
    expect([filter, await listed(filter, other.secret)]).toEqual([filter, []])
  const blind = await seed(world, workspace.secret).key({
    name: 'blind',
    permissions: ['keys:read'],
  })
  expect(await listed({ spaceId }, blind.secret)).toEqual([])
  expect(await listed({ search: 'named' }, blind.secret)).toEqual([])
})
