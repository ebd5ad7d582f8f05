import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWorld, type World } from '../../setup/world.ts'

let world: World

beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

test('a slug that another workspace has is NAME_TAKEN, and nothing of the input is stored', async () => {
  const [mine, theirs] = [await world.createWorkspace(), await world.createWorkspace()]
  const query = `mutation ($input: UpdateWorkspaceInput!) {
    updateWorkspace(input: $input) { workspace { slug } errors { code path } }
  }`
  const { data } = await world.gql(mine.secret, query, {
    input: { slug: theirs.slug, name: 'Renamed' },
  })
  expect(data.updateWorkspace).toEqual({
    workspace: null,
    errors: [{ code: 'NAME_TAKEN', path: ['input', 'slug'] }],
  })
  const after = await world.gql(mine.secret, '{ workspace { name slug } }')
  expect(after.data.workspace).toEqual({ name: mine.slug, slug: mine.slug })
})
