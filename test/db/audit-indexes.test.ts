import { afterAll, beforeAll, expect, test } from 'vitest'
import { growChain } from '../modules/audit/grow-chain.ts'
import { type Statements, watchStatements } from '../setup/statements.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'

let world: World
let statements: Statements
let workspace: TestWorkspace
const length = 20_000
const id = (kind: string, number: number) => `${kind}_${String(number).padStart(26, '0')}`

beforeAll(async () => {
  statements = watchStatements()
  // Its statistics must not plan the statements of the next file.
  world = await createWorld({ isNew: true })
  workspace = await world.createWorkspace()
  const actor = { kind: 'API_KEY', name: '', accessTokenId: null } as const
  const from = { address: undefined, requestId: undefined }
  await growChain(world, workspace, length, (index) => ({
    // Rare ones among the oldest, that a look at the newest does not find.
    action: index < 30 ? 'scope.deleted' : index % 2 === 0 ? 'space.updated' : 'agent.updated',
    targetId: id('spc', index < 30 ? 1 : 2 + (index % 5_000)),
    targetName: '',
    actor: {
      ...actor,
      ...from,
      id: id('usr', index < 30 ? 1 : 2),
      apiKeyId: id('key', index < 30 ? 1 : 2),
    },
  }))
  await world.deps.prisma.$executeRaw`ANALYZE "AuditEvent"`
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

const at = (second: number): string => new Date(Date.UTC(2040, 0, 1) + second * 1_000).toISOString()

/** Each finds its events among the oldest, or is of a period long ago; with how many a page has. */
const filters: readonly (readonly [number, object])[] = [
  [20, {}],
  [20, { actions: ['scope.deleted'] }],
  [20, { actions: ['scope.deleted', 'space.updated'] }],
  [0, { actions: ['member.claimed'] }],
  [20, { actorId: id('usr', 1) }],
  [0, { actorId: id('usr', 3) }],
  [20, { apiKeyId: id('key', 1) }],
  [20, { targetId: id('spc', 1) }],
  [0, { targetId: id('agt', 1) }],
  [20, { until: at(25) }],
  [3, { since: at(length - 3) }],
  [10, { since: at(9_000), until: at(9_010) }],
  [20, { until: at(25), actions: ['scope.deleted'] }],
]

// An auditor looks for one thing in the log of years, while everybody else works.
test.each(filters)('a page of %i: %j reads little of a long log', async (size, filter) => {
  const { prisma } = world.deps
  const before = statements.sent.length
  const { data, errors } = await world.gql(
    workspace.secret,
    'query ($filter: AuditEventFilter) { auditEvents(filter: $filter) { nodes { action } } }',
    { filter },
  )
  expect(errors).toEqual([])
  expect(data.auditEvents.nodes).toHaveLength(size)
  const its = [...statements.sent.entries()].slice(before)
  const ofEvents = its.filter(([, text]) => text.includes('FROM "AuditEvent"'))
  expect(ofEvents.length).toBeGreaterThan(0)
  for (const [index, text] of ofEvents) {
    const [plan] = await prisma.$queryRawUnsafe<Record<string, any>[]>(
      `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${text}`,
      ...(statements.parameters[index] ?? []),
    )
    expect(readBy(plan?.['QUERY PLAN'][0].Plan), JSON.stringify(plan)).toBeLessThan(4_000)
    expect(JSON.stringify(plan)).not.toContain('Seq Scan')
  }
})

/** How many rows the scans of a plan read, those that they drop included. */
function readBy(node: Record<string, any>): number {
  const loops = node['Actual Loops'] ?? 1
  const isScan = String(node['Node Type']).includes('Scan')
  const own = isScan ? (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * loops : 0
  return (node.Plans ?? []).reduce((sum: number, its: typeof node) => sum + readBy(its), own)
}
