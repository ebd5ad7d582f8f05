import fc from 'fast-check'
import { parse, validate } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createContext } from '../../src/context.ts'
import { RequestError } from '../../src/errors.ts'
import { executeWithinBudget } from '../../src/graphql/execute.ts'
import { operationSize } from '../../src/limits/operation-cost.ts'
import { acceptCredential } from '../../src/modules/credential/accept.ts'
import { schema } from '../../src/schema.ts'
import { mint } from '../modules/access-token/ask.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type World } from '../setup/world.ts'
import { generatedQuery, type KnownIds } from './generated-operation.ts'
import { createLargeWorkspace, type LargeWorkspace } from './large-workspace.ts'

let world: World
let large: LargeWorkspace
let ids: KnownIds
/** The owner's; keys that name every space and few; a token. */
let secrets: readonly string[]

beforeAll(async () => {
  // Its statistics must not plan the statements of the next file.
  world = await createWorld({ isNew: true })
  large = await createLargeWorkspace(world, { spaces: 40, agents: 8, keys: 4, scopes: 50 })
  const make = seed(world, large.secret)
  const named = (spaceIds: readonly string[]) => ({
    permissions: ['*:read', 'members:read', 'scopes:read', 'keys:read', 'tokens:read'],
    scopeIds: large.scopeIds,
    spaces: spaceIds.map((spaceId) => ({ spaceId })),
  })
  const all = await make.key({ name: 'all', ...named(large.spaceIds) })
  const few = await make.key({ name: 'few', ...named(large.spaceIds.slice(0, 3)) })
  const token = await mint(world, all.secret)
  secrets = [large.secret, all.secret, few.secret, token.token]
  const [run] = await world.deps.prisma.run.findMany({ take: 1 })
  const [document] = await world.deps.prisma.document.findMany({ take: 1 })
  ids = {
    space: large.spaceIds,
    agent: large.agentIds,
    apiKey: [...large.keyIds, all.id, few.id],
    scope: large.scopeIds,
    session: large.sessionIds,
    member: [large.ownerMemberId],
    accessToken: [token.id],
    run: [run?.id ?? ''],
    document: [document?.id ?? ''],
  }
})
afterAll(() => world.close())

/** How many objects there are, besides the parts of pages. */
function nodesIn(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum, item) => sum + nodesIn(item), 0)
  if (typeof value !== 'object' || value === null) return 0
  const { __typename: type } = value as { __typename?: string }
  const own = type === undefined || /(Connection|Edge|^PageInfo|^Query)$/.test(type) ? 0 : 1
  return own + nodesIn(Object.values(value))
}

test('an answer never has more nodes than its operation was estimated to ask for', async () => {
  let answered = 0
  let most = 0
  await fc.assert(
    fc.asyncProperty(fc.gen(), fc.nat(), async (next, which) => {
      const { query, variables } = generatedQuery(next, ids)
      const document = parse(query)
      expect(validate(schema, document), query).toEqual([])
      const origin = { address: undefined, requestId: 'request' }
      const secret = secrets[which % secrets.length] ?? ''
      const principal = await acceptCredential(world.deps, secret, origin)
      const context = createContext(world.deps, { ...origin, principal })
      const args = { schema, document, contextValue: context, variableValues: variables }
      let estimated: number
      try {
        estimated = operationSize(args, { context, isFree: () => false }).nodes
      } catch (error) {
        expect(error).toBeInstanceOf(RequestError)
        return
      }
      const { data } = await executeWithinBudget(args)
      const nodes = nodesIn(data)
      answered += 1
      most = Math.max(most, nodes)
      expect(nodes, query).toBeLessThanOrEqual(estimated)
    }),
    { numRuns: 150 },
  )
  expect(answered).toBeGreaterThan(50)
  expect(most).toBeGreaterThan(100)
})
