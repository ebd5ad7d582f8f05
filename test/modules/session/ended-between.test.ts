import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inTurn } from '../../../src/db/turns.ts'
import { insertSession } from '../../auth/insert-session.ts'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../../setup/world.ts'

let world: World
let workspace: TestWorkspace
let agentId: string
let count = 0

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  agentId = await make.agent({ name: 'agent', spaceIds: [await make.space({ name: 'space' })] })
})
afterAll(() => world.close())

const sessions = () =>
  world.deps.prisma.session.findMany({ orderBy: { id: 'asc' }, omit: { createdAt: true } })

/** What becomes of the caller's key while their request waits, and how that is refused then. */
const endings: readonly (readonly [what: string, mutation: string, input: object, told: string])[] =
  [
    ['disabled', 'disableApiKey', {}, 'UNAUTHENTICATED DISABLED'],
    ['revoked', 'revokeApiKey', {}, 'UNAUTHENTICATED REVOKED'],
    ['narrowed', 'updateApiKey', { permissions: ['sessions:read', 'agents:read'] }, 'FORBIDDEN'],
  ]
const requests = ['createSession', 'terminateSession'] as const

// A request is authenticated, waits for its turn, and meanwhile its caller may do it no more.
test.each(requests.flatMap((request) => endings.map((ending) => [request, ...ending] as const)))(
  '%s does nothing for a key that is %s while it waits for its turn',
  async (request, _, mutation, input, told) => {
    count += 1
    const terms = { permissions: ['sessions:*', 'agents:read'], allSpaces: true }
    const key = await seed(world, workspace.secret).key({ name: `key ${count}`, ...terms })
    const id = await insertSession(world, workspace, agentId)
    await world.gql(key.secret, '{ viewer { kind } }')
    const before = await sessions()

    const isAsked = Promise.withResolvers<void>()
    const line = inTurn(world.deps.prisma, workspace.id, () => isAsked.promise)
    const ended = done(world, workspace.secret, mutation, '', { id: key.id, ...input })
    await sleep(150)
    const asked = outcome(
      world,
      key.secret,
      request,
      request === 'createSession' ? { agentId } : { id },
    )
    await sleep(150)
    isAsked.resolve()
    await Promise.all([line, ended])
    expect((await asked)[0]).toContain(told)
    expect(await sessions()).toEqual(before)
  },
)

test('of several sessions begun at once with one reference there is one', async () => {
  const input = { agentId, reference: 'at once' }
  const began = () => outcome(world, workspace.secret, 'createSession', input)
  const outcomes = (await Promise.all(Array.from({ length: 8 }, began))).flat()
  expect(outcomes.filter((it) => it === 'done')).toHaveLength(1)
  const where = { reference: 'at once' }
  expect(await world.deps.prisma.session.count({ where })).toBe(1)
})
