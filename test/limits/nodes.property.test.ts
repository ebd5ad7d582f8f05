import fc from 'fast-check'
import { parse, validate } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RequestError } from '../../src/errors.ts'
import { operationSize } from '../../src/limits/operation-cost.ts'
import { authenticateCredential } from '../../src/modules/credential/authenticate-credential.ts'
import { createContext } from '../../src/schema/context.ts'
import { executeWithinBudget } from '../../src/schema/execute.ts'
import { schema } from '../../src/schema/schema.ts'
import { createWorld, type World } from '../setup/world.ts'
import { generatedQuery } from './generated-operation.ts'
import { createLargeCallers, type LargeCallers } from './large-callers.ts'
import { createLargeWorkspace } from './large-workspace.ts'

let world: World
let callers: LargeCallers

beforeAll(async () => {
  // Its statistics must not plan the statements of the next file.
  world = await createWorld({ isNew: true })
  const large = await createLargeWorkspace(world, { spaces: 40, agents: 8, keys: 4, scopes: 50 })
  callers = await createLargeCallers(world, large)
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
      const { query, variables } = generatedQuery(next, callers.ids)
      const document = parse(query)
      expect(validate(schema, document), query).toEqual([])
      const origin = { address: undefined, requestId: 'request' }
      const secret = callers.secrets[which % callers.secrets.length] ?? ''
      const principal = await authenticateCredential(world.deps, secret, origin)
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
