import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../../src/ids.ts'
import { insertSession } from '../../auth/insert-session.ts'
import { seed } from '../../setup/seed.ts'
import { type Statements, watchStatements } from '../../setup/statements.ts'
import { createWorld, type TestWorkspace, type World } from '../../setup/world.ts'

let statements: Statements
let world: World
let workspace: TestWorkspace
let spaceId: string
let long: { sessionId: string; runIds: string[] }
const length = 1_000_000
const instructions = 'x'.repeat(32_768)
/** As many as an answer of 8 MiB has room for. */
const agentsShown = Math.floor(
  2 ** 23 / JSON.stringify({ instructions: `${instructions},` }).length,
)

async function insertRuns(count: number, output: string) {
  const agentId = await seed(world, workspace.secret).agent({ name: 'agent', spaceIds: [spaceId] })
  const sessionId = await insertSession(world, workspace, agentId)
  const runIds = Array.from({ length: count }, () => newId('run'))
  for (const id of runIds)
    await world.deps.prisma.run.create({
      data: {
        workspaceId: workspace.id,
        id,
        sessionId,
        agentVersion: 1,
        status: 'SUCCEEDED',
        input: 'in',
        output,
        createdById: workspace.ownerId,
        createdAt: new Date(),
      },
    })
  return { sessionId, runIds }
}

/** Agents in three spaces. */
async function insertAgents(count: number): Promise<void> {
  const ids = Array.from({ length: count }, () => newId('agt'))
  const at = new Date()
  const { prisma } = world.deps
  const own = { workspaceId: workspace.id, createdById: workspace.ownerId }
  const description = 'd'.repeat(1_000)
  const shown = { name: 'instructed', description, instructions, createdAt: at, updatedAt: at }
  await prisma.agent.createMany({ data: ids.map((id) => ({ ...own, ...shown, id })) })
  const make = seed(world, workspace.secret)
  const others = [await make.space({ name: 'second' }), await make.space({ name: 'third' })]
  for (const id of [spaceId, ...others])
    await prisma.agentSpace.createMany({
      data: ids.map((agentId) => ({
        workspaceId: workspace.id,
        agentId,
        agentCreatedAt: at,
        spaceId: id,
      })),
    })
}

beforeAll(async () => {
  statements = watchStatements()
  world = await createWorld()
  workspace = await world.createWorkspace()
  spaceId = await seed(world, workspace.secret).space({ name: 'space' })
  long = await insertRuns(9, 'x'.repeat(length))
  await insertAgents(100)
})
afterAll(async () => {
  statements.stop()
  await world.close()
})

const runs = (first: number, shown: string) =>
  `session(id: "${long.sessionId}") { runs(first: ${first}) { nodes { ${shown} } } }`
const agents = (first: number, shown = 'instructions') =>
  `agents(first: ${first}, filter: { search: "instructed" }) { nodes { ${shown} } }`
const inPlaces = (count: number, field: string) =>
  Array.from({ length: count }, (_, i) => `a${i}: ${field}`).join(' ')

const ask = (fields: string) => world.gql(workspace.secret, `{ ${fields} }`)

test('an answer holds texts of 8 MiB', async () => {
  const { data, errors } = await ask(runs(7, 'id output'))
  expect(errors).toEqual([])
  expect(data.session.runs.nodes.map(({ output }: any) => output.length)).toEqual(
    Array(7).fill(length),
  )
  const third = await ask(`${inPlaces(2, agents(100))} b: ${agents(agentsShown - 200)}`)
  expect(third.errors).toEqual([])
  for (const { instructions: told } of Object.values<any>(third.data).flatMap((it) => it.nodes))
    expect(told).toBe(instructions)
  const more = await ask(`${inPlaces(2, agents(100))} b: ${agents(agentsShown - 199)}`)
  expect(more.errors).toEqual([refused])
})

// Nobody asked for them.
test('long texts that are not shown are not counted', async () => {
  for (const shown of ['id', 'input', 'id status']) {
    const { data, errors } = await ask(runs(9, shown))
    expect(errors).toEqual([])
    expect(data.session.runs.nodes).toHaveLength(9)
  }
  expect((await ask(inPlaces(9, agents(100, 'id name')))).errors).toEqual([])
})

const refused = {
  message:
    'An answer holds at most 10,000 objects, 250,000 values and 8 MiB; ask for less at once.',
  extensions: { code: 'QUERY_TOO_COMPLEX', requestId: expect.any(String) },
}

// A few kilobytes of a query must not make an answer of gigabytes, nor a list of thousands of errors.
test.each<[string, () => string]>([
  ['many long outputs', () => runs(9, 'output')],
  ['one output in many places', () => inPlaces(9, `run(id: "${long.runIds[0]}") { output }`)],
  ['instructions of the same agents in many places', () => inPlaces(3, agents(100))],
  ['instructions in many places of each agent', () => agents(100, inPlaces(3, 'instructions'))],
  [
    'descriptions',
    () => `spaces { nodes { agents(first: 100) { nodes { ${inPlaces(28, 'description')} } } } }`,
  ],
  ['some of each', () => `${runs(4, 'output')} ${inPlaces(2, agents(100))}`],
  ['inputs that have to be there', () => `${runs(9, 'output')} b: ${runs(9, 'input')}`],
])('more is refused, as a whole and with one error: %s', async (_, fields) => {
  const { status, data, errors } = await ask(`workspace { id } ${fields()}`)
  expect({ status, data, errors }).toEqual({ status: 200, data: null, errors: [refused] })
})

test('texts that are too long together are not read', async () => {
  const from = statements.sent.length
  expect((await ask(runs(9, 'output'))).errors).toEqual([refused])
  const told = statements.sent.slice(from).filter((text) => text.includes('output AS text'))
  expect(told).toEqual([expect.stringContaining('sum(octet_length(text))')])
})

// A secret is shown this once: no other field of the operation may take it away.
test('what a mutation has done is told, though another field of it shows too much', async () => {
  const { agentId } = await world.deps.prisma.session.findFirstOrThrow({
    where: { id: long.sessionId },
  })
  const mutation = `mutation {
    createApiKey(input: { name: "told" }) { secret }
    updateAgent(input: { id: "${agentId}", description: "changed" }) {
      agent { description sessions { nodes { runs { nodes { output } } } } }
    }
  }`
  const { data, errors } = await world.gql(workspace.secret, mutation)
  expect((await world.gql(data.createApiKey.secret, '{ viewer { kind } }')).status).toBe(200)
  const { description, sessions } = data.updateAgent.agent
  expect(description).toBe('changed')
  expect(sessions.nodes[0].runs.nodes).toEqual(Array(9).fill({ output: null }))
  expect(errors).toHaveLength(9)
  for (const error of errors) expect(error).toMatchObject(refused)
})
