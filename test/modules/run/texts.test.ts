import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../../src/ids.ts'
import { insertSession } from '../../auth/insert-session.ts'
import { seed } from '../../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../../setup/world.ts'

let world: World
let workspace: TestWorkspace
let long: { sessionId: string; runIds: string[] }
const length = 1_000_000

async function insertRuns(count: number, output: string) {
  const make = seed(world, workspace.secret)
  const agentId = await make.agent({
    name: 'agent',
    spaceIds: [await make.space({ name: `space of ${count}` })],
  })
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

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
  long = await insertRuns(9, 'x'.repeat(length))
})
afterAll(() => world.close())

const page = (first: number) =>
  `session(id: "${long.sessionId}") { runs(first: ${first}) { nodes { id output } } }`

test('as many texts are shown as an operation may show, and ids as many as there are', async () => {
  const { data, errors } = await world.gql(workspace.secret, `{ ${page(7)} }`)
  expect(errors).toEqual([])
  expect(data.session.runs.nodes.map(({ output }: any) => output.length)).toEqual(
    Array(7).fill(length),
  )
  const ids = page(9).replace(' output', '')
  expect((await world.gql(workspace.secret, `{ ${ids} }`)).data.session.runs.nodes).toHaveLength(9)
})

// A few kilobytes of a query must not make an answer of gigabytes.
test.each([
  ['many long ones', () => page(9)],
  [
    'one in many places',
    () =>
      Array.from({ length: 9 }, (_, i) => `a${i}: run(id: "${long.runIds[0]}") { output }`).join(
        ' ',
      ),
  ],
])('more is refused: %s', async (_, fields) => {
  const { status, errors } = await world.gql(workspace.secret, `{ ${fields()} }`)
  expect(status).toBe(200)
  expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(
    new Set(['QUERY_TOO_COMPLEX']),
  )
})
