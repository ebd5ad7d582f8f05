import { expect, test } from 'vitest'
import { deriveAuditKey } from '../../../src/transactions/audit-chain.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { growChain } from './grow-chain.ts'

useWorkspace()

interface Page {
  readonly nodes: readonly any[]
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
}

async function page(
  secret: string,
  variables: Readonly<Record<string, unknown>>,
  selection = 'sequence action',
): Promise<Page> {
  const { data, errors } = await world.gql(
    secret,
    `query ($first: Int, $after: String, $filter: AuditEventFilter) {
      auditEvents(first: $first, after: $after, filter: $filter) {
        nodes { ${selection} } pageInfo { hasNextPage endCursor } } }`,
    variables,
  )
  expect(errors).toEqual([])
  return data.auditEvents
}

const numbers = ({ nodes }: Page): number[] => nodes.map(({ sequence }) => Number(sequence))
const listed = async (filter: object, secret = workspace.secret): Promise<number[]> =>
  numbers(await page(secret, { first: 100, filter }))

// What an auditor reads must be what is stored, all of it.
test('an event shows what is stored of it, through the list, node and nodes', async () => {
  const make = seed(world, workspace.secret)
  const robot = await make.machine({ name: 'Robot', role: 'ADMIN' })
  const key = await make.key({
    name: 'acting',
    ownerId: robot.userId,
    permissions: ['*'],
    allSpaces: true,
  })
  const { token, accessToken } = await done(
    world,
    key.secret,
    'createAccessToken',
    'token accessToken { id }',
    {},
  )
  const input = { name: 'Ünï "quoted"' }
  const { headers } = await world.gql(
    token,
    'mutation ($input: CreateScopeInput!) { createScope(input: $input) { scope { id } errors { code } } }',
    { input },
    { address: '2001:db8::1' },
  )
  const row = await world.deps.prisma.auditEvent.findFirstOrThrow({
    where: { workspaceId: workspace.id, targetName: input.name },
  })
  const selection = `id sequence action at actorKind actorName actor { id name } apiKeyId accessTokenId
    targetId targetName ip requestId changes { field before after } hash previousHash`
  const { nodes } = await page(workspace.secret, { first: 1 }, selection)
  expect(nodes).toEqual([
    {
      id: row.id,
      sequence: String(row.sequence),
      action: 'scope.created',
      at: row.at.toISOString(),
      actorKind: 'ACCESS_TOKEN',
      actorName: 'Robot',
      actor: { id: robot.userId, name: 'Robot' },
      apiKeyId: key.id,
      accessTokenId: accessToken.id,
      targetId: row.targetId,
      targetName: input.name,
      ip: '2001:db8::1',
      requestId: headers.get('x-request-id'),
      changes: [
        { field: 'name', before: 'null', after: JSON.stringify(input.name) },
        { field: 'permissions', before: 'null', after: '[]' },
      ],
      hash: row.hash,
      previousHash: row.previousHash,
    },
  ])
  const { data } = await world.gql(
    workspace.secret,
    `query ($id: ID!) { node(id: $id) { ...E } nodes(ids: [$id]) { ...E } }
     fragment E on AuditEvent { ${selection} }`,
    { id: row.id },
  )
  expect(data).toEqual({ node: nodes[0], nodes })
  const other = await world.createWorkspace()
  const elsewhere = '{ node(id: $id) { id } }'
  const there = await world.gql(other.secret, `query ($id: ID!) ${elsewhere}`, { id: row.id })
  expect(there).toMatchObject({ data: { node: null }, errors: [] })
})

test('pages go by number, newest first, whatever is added meanwhile', async () => {
  const many = await world.createWorkspace()
  await growChain(world, many, 24)
  const seen: number[] = []
  let after: string | null = null
  for (const size of [10, 10, 5]) {
    const its: Page = await page(many.secret, { first: size, after })
    seen.push(...numbers(its))
    after = its.pageInfo.endCursor
    expect(its.pageInfo.hasNextPage).toBe(seen.length < 25)
    await growChain(world, many, 1)
  }
  expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => 25 - index))
  // Times that stand still or go back change nothing about it.
  expect((await listed({}, many.secret)).slice(0, 3)).toEqual([28, 27, 26])
  const edge = await world.gql(
    many.secret,
    '{ auditEvents(first: 1) { edges { cursor node { sequence } } } }',
  )
  const cursor = edge.data.auditEvents.edges[0].cursor
  expect(numbers(await page(many.secret, { first: 1, after: cursor }))).toEqual([27])
})

test('each filter finds what it says, and several together what all of them say', async () => {
  const of = await world.createWorkspace()
  const make = seed(world, of.secret)
  const space = await make.space({ name: 'a' })
  const robot = await make.machine({ name: 'r', role: 'ADMIN' })
  const key = await make.key({
    name: 'k',
    ownerId: robot.userId,
    permissions: ['*'],
    allSpaces: true,
  })
  await done(world, key.secret, 'updateSpace', 'space { id }', { id: space, name: 'b' })
  await done(world, of.secret, 'updateSpace', 'space { id }', { id: space, name: 'c' })
  const all = [6, 5, 4, 3, 2, 1]
  for (const [filter, expected] of [
    [{}, all],
    [{ actions: ['space.updated'] }, [6, 5]],
    [{ actions: ['api_key.created', 'space.created', 'space.created'] }, [4, 2, 1]],
    [{ actions: [] }, []],
    [{ actions: null, actorId: null, since: null }, all],
    [{ actorId: robot.userId }, [5]],
    [{ actorId: of.ownerId }, [6, 4, 3, 2]],
    [{ apiKeyId: key.id }, [5]],
    [{ targetId: space }, [6, 5, 2]],
    [{ targetId: space, apiKeyId: of.keyId, actions: ['space.updated'] }, [6]],
    [{ targetId: 'no id' }, []],
  ] as const)
    expect([filter, await listed(filter, of.secret)]).toEqual([filter, expected])
})

// Who exports a month after another must neither miss an event nor have one twice.
test('since is inclusive and until is not, also where the clock was set back', async () => {
  const of = await world.createWorkspace()
  await growChain(world, of, 10)
  const at = (second: number) => new Date(Date.UTC(2040, 0, 1, 0, 0, second)).toISOString()
  expect(await listed({ since: at(4) }, of.secret)).toEqual([11, 10, 9, 8, 7, 6])
  expect(await listed({ until: at(4) }, of.secret)).toEqual([5, 4, 3, 2, 1])
  expect(await listed({ since: at(2), until: at(4) }, of.secret)).toEqual([5, 4])
  expect(await listed({ since: '2050-01-01' }, of.secret)).toEqual([])
  expect(await listed({ until: '2020-01-01' }, of.secret)).toEqual([])
  // Half an hour back: these are numbered higher than what came later.
  await growChain(world, of, 2, (index) => ({
    action: 'space.updated',
    targetId: 'spc',
    targetName: String(index),
  }))
  expect(await listed({ since: at(9) }, of.secret)).toEqual([11])
  expect(await listed({ until: at(1) }, of.secret)).toEqual([12, 2, 1])
})

// Somebody who writes into the database must not be able to hide an event from the list.
test('an event that was made unreadable is shown all the same, and so are those beside it', async () => {
  const of = await world.createWorkspace()
  await growChain(world, of, 4)
  const { prisma } = world.deps
  const its = (sequence: bigint) => ({ where: { workspaceId: of.id, sequence } })
  for (const [sequence, changes] of [
    [2n, 'no JSON'],
    [3n, '{}'],
    [4n, '[{"field":1}]'],
  ] as const)
    await prisma.auditEvent.updateMany({ ...its(sequence), data: { changes } })
  await prisma.auditEvent.updateMany({ ...its(5n), data: { sequence: 2n ** 63n - 1n } })
  await prisma.auditEvent.updateMany({ ...its(1n), data: { sequence: -7n } })
  const seen: unknown[] = []
  for (let after: string | null = null, more = true; more; ) {
    const selection = 'sequence changes { field after }'
    const its: Page = await page(of.secret, { first: 1, after }, selection)
    seen.push(...its.nodes.map(({ sequence, changes }) => [sequence, changes[0]?.field]))
    after = its.pageInfo.endCursor
    more = its.pageInfo.hasNextPage
  }
  expect(seen).toEqual([
    ['9223372036854775807', 'name'],
    ['4', 'changes'],
    ['3', 'changes'],
    ['2', 'changes'],
    ['-7', expect.any(String)],
  ])
})

// A page of long events must not fill the memory before it is refused.
test('more than an answer holds is refused before it is read', async () => {
  const of = await world.createWorkspace()
  const changes = [{ field: 'name', before: null, after: 'x'.repeat(1_000_000) }]
  await growChain(world, of, 12, () => ({
    action: 'space.updated',
    targetId: 's',
    targetName: 's',
    changes,
  }))
  const { errors } = await world.gql(of.secret, '{ auditEvents { nodes { changes { after } } } }')
  expect(errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX' } }])
  expect((await page(of.secret, { first: 5 }, 'changes { after }')).nodes).toHaveLength(5)
})

test('the key of the chains is made of SECRETS_KEY alone', () => {
  const of = (secretsKey: string) => deriveAuditKey(secretsKey).export().toString('hex')
  expect(of('one')).toBe(of('one'))
  expect(of('one')).not.toBe(of('two'))
})
