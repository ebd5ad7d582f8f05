import { beforeAll, expect, test } from 'vitest'
import { download } from '../modules/document/ask.ts'
import { inParts } from '../setup/in-parts.ts'
import { outcome } from '../setup/outcome.ts'
import { done } from '../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../setup/use-world.ts'
import { insertDocument, insertRun } from './insert-session.ts'

// Spaces are bits, and sets of spaces are masks: 0b011 is A and B.
const letters = ['A', 'B', 'C']
const masks = Array.from({ length: 8 }, (_, mask) => mask)
const isInside = (inner: number, outer: number): boolean => (inner & outer) === inner

/** A session that began while its agent was in some spaces; the agent is in others now. */
interface Moved {
  readonly began: number
  readonly now: number
  readonly agent: string
  readonly session: string
  readonly run: string
  readonly document: string
}

const spaceIds: string[] = []
const moved: Moved[] = []

const spacesIn = (mask: number): string[] => spaceIds.filter((_, bit) => mask & (1 << bit))

async function beginAndMove(began: number, now: number): Promise<Moved> {
  const agent = await make.agent({ name: `${began} ${now}`, spaceIds: spacesIn(began) })
  const asOwner = (mutation: string, selection: string, input: object) =>
    done(world, workspace.secret, mutation, selection, { ...input })
  const { session } = await asOwner('createSession', 'session { id }', { agentId: agent })
  const run = await insertRun(world, workspace, session.id)
  const document = await insertDocument(world, workspace, session.id)
  await asOwner('updateAgent', 'agent { id }', { id: agent, spaceIds: spacesIn(now) })
  return { began, now, agent, session: session.id, run, document }
}

useWorkspace()
beforeAll(async () => {
  for (const name of letters) spaceIds.push(await make.space({ name }))
  for (const began of masks.slice(1))
    for (const now of masks.slice(1)) moved.push(await beginAndMove(began, now))
})

const permissions = ['agents:*', 'sessions:*', 'documents:*']

const keyFor = (mask: number, name: string) =>
  make.key({
    name,
    permissions,
    spaces: spacesIn(mask).map((spaceId) => ({ spaceId })),
  })

const isVisibleTo =
  (mask: number) =>
  ({ began, now }: Moved): boolean =>
    isInside(began | now, mask)

const sessionsOf = (rows: readonly Moved[]): string[] => rows.map(({ session }) => session).sort()
const ids = (nodes: readonly { id: string }[]): string[] => nodes.map(({ id }) => id).sort()

test.each(masks)(
  'sessions: a key for the spaces %i reads those that began and are within its spaces',
  async (mask) => {
    const { secret } = await keyFor(mask, `reads ${mask}`)
    const visible = moved.filter(isVisibleTo(mask))
    const lists = await world.gql(
      secret,
      `{ sessions(first: 100) { nodes { id } }
         agents(first: 100) { nodes { sessions(first: 2) { nodes { id runs(first: 2) { nodes { id } } } } } } }`,
    )
    expect(lists.errors).toEqual([])
    expect(ids(lists.data.sessions.nodes)).toEqual(sessionsOf(visible))
    const nested = lists.data.agents.nodes.flatMap((agent: any) => agent.sessions.nodes)
    expect(ids(nested)).toEqual(sessionsOf(visible))
    expect(ids(nested.flatMap((session: any) => session.runs.nodes))).toEqual(
      visible.map(({ run }) => run).sort(),
    )
    const fields = moved.flatMap(({ agent, session, run, document }, index) => [
      `s${index}: session(id: "${session}") { id documents { id } }`,
      `r${index}: run(id: "${run}") { id session { id } }`,
      `d${index}: document(id: "${document}") { id session { id } }`,
      `f${index}: sessions(filter: { agentId: "${agent}" }) { nodes { id } }`,
    ])
    const items = await inParts(world, secret, 'query', fields)
    moved.forEach((row, index) => {
      const { session, run, document } = row
      const isVisible = isVisibleTo(mask)(row)
      const name = `began in ${row.began}, is in ${row.now}`
      const its = { id: session }
      expect(items[`s${index}`], name).toEqual(
        isVisible ? { ...its, documents: [{ id: document }] } : null,
      )
      expect(items[`r${index}`], name).toEqual(isVisible ? { id: run, session: its } : null)
      expect(items[`d${index}`], name).toEqual(isVisible ? { id: document, session: its } : null)
      expect(items[`f${index}`].nodes, name).toEqual(isVisible ? [its] : [])
    })
  },
)

/** Whatever names a session, a run or a document in order to do something with it. */
const mutations: readonly ((row: Moved) => readonly [string, string, object])[] = [
  ({ session: id }) => ['terminateSession', 'id', { id }],
  ({ session }) => ['runAgent', 'sessionId', { sessionId: session, input: 'Hello' }],
  ({ run: id }) => ['cancelRun', 'id', { id }],
  ({ document: id }) => ['deleteDocument', 'id', { id }],
]

const uploadOf = (secret: string, sessionId: string) =>
  world.gql(
    secret,
    `mutation ($id: ID!, $file: File!) {
      uploadDocument(input: { sessionId: $id, file: $file }) { errors { code path } } }`,
    { id: sessionId },
  )

test.each(masks)(
  'sessions: to a key for the spaces %i all others are absent, whatever is to be done with them',
  async (mask) => {
    const { secret } = await keyFor(mask, `writes ${mask}`)
    const hidden = moved.filter((row) => !isVisibleTo(mask)(row))
    for (const [index, row] of hidden.entries()) {
      // Of a session each key tries one kind, and the keys together all of them.
      const [mutation, path, input] = mutations[(index + mask) % mutations.length]?.(row) ?? []
      expect(await outcome(world, secret, mutation ?? '', { ...input })).toEqual([
        `NOT_FOUND input.${path}`,
      ])
      const { data } = await uploadOf(secret, row.session)
      expect(data.uploadDocument.errors).toEqual([
        { code: 'NOT_FOUND', path: ['input', 'sessionId'] },
      ])
      expect((await download(world, secret, row.document)).status).toBe(404)
    }
  },
)
