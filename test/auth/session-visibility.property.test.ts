import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import type { Caller } from '../../src/auth/caller.ts'
import { keyCallerOf } from '../../src/auth/credential-state.ts'
import { hashSecret } from '../../src/auth/credentials/hash.ts'
import { findKeyByHash } from '../../src/auth/key-record.ts'
import { holdsInEvery } from '../../src/auth/policy.ts'
import { operationLimits } from '../../src/limits/operation-limits.ts'
import { sessionsHeld, visibleSessions } from '../../src/modules/session/session.visibility.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { type View, view } from '../setup/view.ts'
import { inputOf, type Wanted, wanted } from './generated-keys.ts'
import { insertDocument, insertRun, insertSession } from './insert-session.ts'

/** A session that began in some spaces; its agent is in others now. */
interface Placed {
  readonly id: string
  readonly agentId: string
  readonly createdById: string
  readonly now: readonly string[]
  readonly began: readonly string[]
  readonly run: string
  readonly document: string
}

const spaceIds: string[] = []
const owners: { readonly userId: string; readonly role: string }[] = []
const sessions: Placed[] = []
/** Sessions of another workspace's, and of nothing. */
const absent = ['x']

/** A session of the agent that began in other spaces than the agent is in, with a run and a document. */
async function place(agentId: string, now: string[], began: string[], by: string): Promise<void> {
  const { id: workspaceId } = workspace
  const owned = { id: workspaceId, ownerId: by }
  const id = await insertSession(world, owned, agentId)
  const { sessionSpace } = world.deps.prisma
  await sessionSpace.deleteMany({ where: { workspaceId, sessionId: id } })
  await sessionSpace.createMany({
    data: began.map((spaceId) => ({ workspaceId, sessionId: id, spaceId })),
  })
  const run = await insertRun(world, owned, id)
  const document = await insertDocument(world, owned, id)
  sessions.push({ id, agentId, createdById: by, now, began, run, document })
}

useWorkspace()
beforeAll(async () => {
  const make = seed(world, workspace.secret)
  for (const name of ['A', 'B', 'C', 'gone'])
    spaceIds.push(await make.space({ name, visibility: name === 'A' ? 'OPEN' : 'RESTRICTED' }))
  for (const role of ['ADMIN', 'BUILDER', 'MEMBER'])
    owners.push({ role, ...(await make.machine({ name: role, role, spaceIds })) })
  const spacesIn = (mask: number): string[] => spaceIds.filter((_, bit) => mask & (1 << bit))
  for (let now = 1; now < 16; now++) {
    const agent = await make.agent({ name: `${now}`, spaceIds: spacesIn(now) })
    // Also in none, as no session that the API begins.
    for (const began of [now, (now * 7) % 16, 0])
      await place(agent, spacesIn(now), spacesIn(began), owners[sessions.length % 3]?.userId ?? '')
  }
  // A session of a deleted agent is there still, with the spaces that the agent had.
  await done(world, workspace.secret, 'deleteAgent', 'deletedId', { id: sessions[0]?.agentId })
  await done(world, workspace.secret, 'deleteSpace', 'deletedId', { id: spaceIds[3] })
  const elsewhere = await world.createWorkspace()
  const other = seed(world, elsewhere.secret)
  const foreign = await other.agent({ name: 'a', spaceIds: [await other.space({ name: 's' })] })
  absent.push(await insertSession(world, elsewhere, foreign))
})

type Rule = (permission: string, session: Placed) => boolean

/** What the view says of one who looks, by the rule written here once more. */
const ruleOf =
  (rights: View, { role, userId }: { role: string; userId: string }): Rule =>
  (permission, { createdById, now, began }) => {
    if (role === 'MEMBER' && createdById !== userId) return false
    if (rights.allSpaces) return rights.permissions.includes(permission)
    const isHeldIn = (ids: readonly string[]): boolean =>
      ids.length > 0 && ids.every((id) => rights.spaces[id]?.includes(permission))
    return isHeldIn(now) && isHeldIn(began)
  }

async function callerOf(secret: string): Promise<Caller> {
  const hash = hashSecret(secret)
  const key = await findKeyByHash(world.deps.prisma, hash)
  if (key === undefined) throw new Error('the key is gone')
  return keyCallerOf(key, hash)
}

const permissions = ['sessions:read', 'sessions:terminate', 'documents:read', 'agents:run'] as const
const sorted = (rows: readonly { readonly id: string }[]): string[] =>
  rows.map(({ id }) => id).sort()

/** The typed condition, the judgement in SQL and the policy, by themselves. */
async function checkConditions(secret: string, isHeld: Rule): Promise<void> {
  const { prisma } = world.deps
  const caller = await callerOf(secret)
  const seen = await prisma.session.findMany({ where: visibleSessions(caller) })
  expect(sorted(seen)).toEqual(sorted(sessions.filter((it) => isHeld('sessions:read', it))))
  const { rights, user } = caller
  for (const permission of permissions) {
    const ids = [...sessions.map(({ id }) => id), ...absent]
    const held = sessions.filter((session) => isHeld(permission, session))
    expect((await sessionsHeld(prisma, caller, permission, ids)).sort()).toEqual(sorted(held))
    for (const session of user.role === 'MEMBER' || rights.allSpaces ? [] : sessions)
      expect(
        [session.now, session.began].every((its) => holdsInEvery(rights, permission, its)),
      ).toBe(held.includes(session))
  }
}

/** What the fields come to, so many at a time; null where a permission is missing. */
async function answersOf(secret: string, fields: readonly string[], atOnce = 1): Promise<any> {
  const all = {}
  for (let from = 0; from < fields.length; from += atOnce) {
    const part = fields.slice(from, from + atOnce).join(' ')
    const { data, errors } = await world.gql(secret, `{ ${part} }`)
    expect(errors.filter(({ extensions }) => extensions.code !== 'FORBIDDEN')).toEqual([])
    Object.assign(all, data)
  }
  return all
}

test('sessions, runs and documents are seen by what the rights say, in whatever way they are asked for', {
  timeout: 120_000,
}, async () => {
  let count = 0
  const check = async (key: Wanted, by: number): Promise<void> => {
    const owner = owners[by] ?? { userId: '', role: '' }
    const { secret } = await done(world, workspace.secret, 'createApiKey', 'secret', {
      name: `key ${++count}`,
      ownerId: owner.userId,
      ...inputOf(key, spaceIds),
    })
    const rights = (await view(world, secret)) as View
    const isHeld = ruleOf(rights, owner)
    await checkConditions(secret, isHeld)

    const sees = (session: Placed) => isHeld('sessions:read', session)
    const reads = (session: Placed) => isHeld('documents:read', session)
    const list = 'nodes { id runs(first: 2) { nodes { id } } documents { id } }'
    const data = await answersOf(secret, [
      `sessions(first: 50) { ${list} }`,
      'mine: sessions(first: 50, filter: { mine: true }) { nodes { id } }',
      `agents(first: 20) { nodes { id sessions(first: 4) { ${list} } } }`,
    ])
    const newestFirst = (rows: readonly Placed[]) =>
      rows.toReversed().map((session) => ({
        id: session.id,
        runs: { nodes: [{ id: session.run }] },
        documents: reads(session) ? [{ id: session.document }] : [],
      }))
    // Null is for who holds a permission nowhere.
    const nodesOf = (page: any) =>
      (page?.nodes ?? []).map((node: any) => ({ ...node, documents: node.documents ?? [] }))
    const seen = sessions.filter(sees)
    expect(nodesOf(data.sessions)).toEqual(newestFirst(seen))
    expect(sorted(data.mine?.nodes ?? [])).toEqual(
      sorted(seen.filter(({ createdById }) => createdById === owner.userId)),
    )
    for (const agent of data.agents?.nodes ?? []) {
      const its = seen.filter(({ agentId }) => agentId === agent.id)
      expect(nodesOf(agent.sessions)).toEqual(newestFirst(its))
    }
    const found = await answersOf(
      secret,
      [
        ...sessions.flatMap(({ id, run, document }, index) => [
          `s${index}: session(id: "${id}") { id }`,
          `r${index}: run(id: "${run}") { id session { id } }`,
          `d${index}: document(id: "${document}") { id session { id } }`,
        ]),
        ...absent.map((id, index) => `x${index}: session(id: "${id}") { id }`),
      ],
      operationLimits.rootFields,
    )
    for (const [index, row] of sessions.entries()) {
      const session = sees(row) ? { id: row.id } : null
      expect(found[`s${index}`]).toEqual(session)
      expect(found[`r${index}`]).toEqual(session && { id: row.run, session })
      expect(found[`d${index}`]).toEqual(reads(row) ? { id: row.document, session } : null)
    }
    expect(absent.map((_, index) => found[`x${index}`])).toEqual([null, null])
  }
  await fc.assert(fc.asyncProperty(wanted, fc.nat({ max: 2 }), check), { numRuns: 25 })
})
