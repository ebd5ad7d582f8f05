import { afterAll, beforeAll, expect, test } from 'vitest'
import { readGraphiqlTabs } from '../../scripts/graphiql/tabs.ts'
import {
  CreateKeyForTwoSpacesDocument,
  RevokeKeyDocument,
  RotateKeyDocument,
  WhatIsHereDocument,
  WhoAmIDocument,
} from '../generated/operations.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'

let world: World
let workspace: TestWorkspace

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
})
afterAll(() => world.close())

/** The variables that a tab comes with, before a visitor has filled in what stands in brackets. */
const inputOf = (index: number) => JSON.parse(readGraphiqlTabs()[index]?.variables ?? '').input

test('the tabs lead a visitor from the first query to the end of a key', async () => {
  const make = seed(world, workspace.secret)
  const spaceIds = [await make.space({ name: 'A' }), await make.space({ name: 'B' })]
  await make.space({ name: 'C' })
  await make.agent({ name: 'within', spaceIds })

  const me = await world.run(workspace.secret, WhoAmIDocument, {})
  expect(me.data?.viewer).toMatchObject({ kind: 'API_KEY', role: 'OWNER', allSpaces: true })
  const here = await world.run(workspace.secret, WhatIsHereDocument, {})
  expect(here.errors).toEqual([])
  expect(here.data?.spaces?.nodes.map(({ name }) => name)).toEqual(['C', 'B', 'A'])

  const created = await world.run(workspace.secret, CreateKeyForTwoSpacesDocument, {
    input: { ...inputOf(2), spaces: spaceIds.map((spaceId) => ({ spaceId })) },
  })
  expect(created.data?.createApiKey?.errors).toEqual([])
  const id = created.data?.createApiKey?.apiKey?.id ?? ''
  const first = created.data?.createApiKey?.secret ?? ''
  const seen = await world.run(first, WhoAmIDocument, {})
  expect(seen.data?.viewer.spaces.map(({ space }) => space?.name).sort()).toEqual(['A', 'B'])

  const rotated = await world.run(workspace.secret, RotateKeyDocument, {
    input: { ...inputOf(3), id },
  })
  expect(rotated.data?.rotateApiKey?.errors).toEqual([])
  const second = rotated.data?.rotateApiKey?.secret ?? ''
  for (const secret of [first, second])
    expect((await world.run(secret, WhoAmIDocument, {})).status).toBe(200)

  const revoked = await world.run(workspace.secret, RevokeKeyDocument, {
    input: { ...inputOf(4), id },
  })
  expect(revoked.data?.revokeApiKey).toMatchObject({ revokedCount: 1, errors: [] })
  for (const secret of [first, second])
    expect((await world.run(secret, WhoAmIDocument, {})).status).toBe(401)
})
