import { beforeAll, expect, test } from 'vitest'
import { insertDocument, insertRun, insertSession } from '../../auth/insert-session.ts'
import { addHuman, humanKey } from '../../setup/human.ts'
import { holdLine } from '../../setup/in-line.ts'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'

let agentId: string
let count = 0

useWorkspace({ runtime: { url: 'http://127.0.0.1:9/v1', model: 'model' } })
beforeAll(async () => {
  const make = seed(world, workspace.secret)
  agentId = await make.agent({ name: 'agent', spaceIds: [await make.space({ name: 'space' })] })
})

const everything = async () => {
  const { prisma } = world.deps
  const [sessions, runs, documents] = await Promise.all([
    prisma.session.findMany({ orderBy: { id: 'asc' } }),
    prisma.run.findMany({ orderBy: { id: 'asc' } }),
    prisma.document.findMany({ orderBy: { id: 'asc' } }),
  ])
  return { sessions, runs, documents }
}

async function insertRunning(sessionId: string): Promise<string> {
  const id = await insertRun(world, workspace, sessionId)
  const running = { status: 'RUNNING', leaseExpiresAt: new Date(Date.now() + 60_000) } as const
  await world.deps.prisma.run.updateMany({ where: { id }, data: running })
  return id
}

const permissions = [
  'sessions:*',
  'agents:read',
  'agents:run',
  'documents:read',
  'documents:delete',
]
const reading = ['sessions:read', 'agents:read', 'documents:read']

/** What becomes of the caller's key while their request waits, and how that is refused then. */
const endings: readonly (readonly [what: string, mutation: string, input: object, told: string])[] =
  [
    ['disabled', 'disableApiKey', {}, 'UNAUTHENTICATED DISABLED'],
    ['revoked', 'revokeApiKey', {}, 'UNAUTHENTICATED REVOKED'],
    ['narrowed', 'updateApiKey', { permissions: reading }, 'FORBIDDEN'],
  ]
/** What they ask for, about a session. */
const requests: Readonly<Record<string, (sessionId: string) => Promise<Record<string, unknown>>>> =
  {
    createSession: async () => ({ agentId }),
    terminateSession: async (id) => ({ id }),
    runAgent: async (sessionId) => ({ sessionId, input: 'Hello' }),
    cancelRun: async (sessionId) => ({ id: await insertRunning(sessionId) }),
    deleteDocument: async (sessionId) => ({
      id: await insertDocument(world, workspace, sessionId),
    }),
  }

// A request is authenticated, waits for its turn, and meanwhile its caller may do it no more.
test.each(
  Object.keys(requests).flatMap((request) =>
    endings.map((ending) => [request, ...ending] as const),
  ),
)(
  '%s does nothing for a key that is %s while it waits for its turn',
  async (request, _, mutation, change, told) => {
    count += 1
    const terms = { permissions, allSpaces: true }
    const key = await seed(world, workspace.secret).key({ name: `key ${count}`, ...terms })
    const input = await requests[request]?.(await insertSession(world, workspace, agentId))
    await world.gql(key.secret, '{ viewer { kind } }')
    const before = await everything()

    const line = holdLine(world.deps, workspace.id)
    const ended = done(world, workspace.secret, mutation, '', { id: key.id, ...change })
    await line.waiting(1)
    const asked = outcome(world, key.secret, request, input ?? {})
    await line.waiting(2)
    // Nor does it keep others from what a server can run.
    expect(world.deps.runtime.underWay.ids()).toEqual([])
    await line.open()
    await ended
    expect((await asked)[0]).toContain(told)
    expect(await everything()).toEqual(before)
  },
)

test.each(Object.keys(requests).filter((request) => request !== 'createSession'))(
  '%s reaches nothing of others for an admin who becomes a MEMBER while it waits for its turn',
  async (request) => {
    const admin = await addHuman(world, workspace, 'ADMIN')
    const key = await humanKey(world, workspace, admin, { permissions, allSpaces: true })
    const input = await requests[request]?.(await insertSession(world, workspace, agentId))
    await world.gql(key.secret, '{ viewer { kind } }')
    const before = await everything()

    const line = holdLine(world.deps, workspace.id)
    const demotion = { id: admin.memberId, role: 'MEMBER' }
    const demoted = done(world, workspace.secret, 'updateMember', '', demotion)
    await line.waiting(1)
    const asked = outcome(world, key.secret, request, input ?? {})
    await line.waiting(2)
    await line.open()
    await demoted
    expect((await asked)[0]).toMatch(/^NOT_FOUND input\.(id|sessionId)$/)
    expect(await everything()).toEqual(before)
  },
)

test.each([
  ['terminateSession', 'session.terminated', 'done'],
  ['deleteDocument', 'document.deleted', 'NOT_FOUND input.id'],
  ['runAgent', 'run.started', 'WRONG_STATE input.sessionId'],
  ['cancelRun', 'run.canceled', 'done'],
])(
  'of two that ask for %s at once one does it, and it is told once',
  async (request, action, other) => {
    const input = await requests[request]?.(await insertSession(world, workspace, agentId))
    const told = () => world.deps.prisma.auditEvent.count({ where: { action } })
    const before = await told()
    const line = holdLine(world.deps, workspace.id)
    const ask = () => outcome(world, workspace.secret, request, input ?? {})
    const asked = [ask(), ask()]
    await line.waiting(2)
    await line.open()
    expect((await Promise.all(asked)).flat().toSorted()).toEqual([other, 'done'].toSorted())
    expect(await told()).toBe(before + 1)
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
