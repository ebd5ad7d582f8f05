import { beforeAll, expect, test } from 'vitest'
import { limitTo, remaining } from '../../limits/ask.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import { createStage, type Stage } from './ask.ts'

let stage: Stage

useWorld({ documents: { maxCount: 300 } })
beforeAll(async () => {
  stage = await createStage(world)
  await limitTo(world, stage.workspace, 1_000)
})

// It has no pages: as many as a session may have come at once.
test('the documents of a session cost as many as there may be', async () => {
  const { workspace, session } = stage
  const query = `{ session(id: "${session}") { documents { createdBy { id } } } }`
  const { headers, errors } = await world.gql(workspace.secret, query)
  expect([errors, remaining(headers).workspace]).toEqual([[], 1_000 - 302])
})

test('no operation asks for the documents of too many sessions', async () => {
  const query = (first: number) => `{ sessions(first: ${first}) { nodes { documents { id } } } }`
  const codes = async (first: number) =>
    (await world.gql(stage.workspace.secret, query(first))).errors.map(
      ({ extensions }) => extensions.code,
    )
  expect(await codes(30)).toEqual([])
  expect(await codes(34)).toEqual(['QUERY_TOO_COMPLEX'])
})
