import fc, { type GeneratorValue } from 'fast-check'
import { type DocumentNode, print } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expand, missingRequirements } from '../../../src/auth/permissions.ts'
import { newId } from '../../../src/ids.ts'
import { type Furnished, furnish } from '../../auth/furnish.ts'
import { insertKey } from '../../auth/insert-key.ts'
import * as operations from '../../generated/operations.ts'
import { generatedQuery } from '../../limits/generated-operation.ts'
import { createWorld, type World } from '../../setup/world.ts'
import { required } from './ask.ts'

let world: World
let mine: Furnished

beforeAll(async () => {
  world = await createWorld()
  mine = await furnish(world)
}, 60_000)
afterAll(() => world.close())

type Variables = Readonly<Record<string, unknown>>

/** A key that holds these permissions, in one space where it need not be all of them. */
async function keyWith(permissions: readonly string[], allSpaces: boolean): Promise<string> {
  const { id: workspaceId, ownerId } = mine
  const spaces = allSpaces ? {} : { spaceIds: [mine.own.space] }
  return (await insertKey(world, { workspaceId, ownerId, permissions, ...spaces })).secret
}

/** The permissions for lack of which fields were refused; null: nothing of it was run at all. */
async function refusedFor(secret: string, query: string, variables: Variables) {
  const { status, data, errors } = await world.gql(secret, query, variables)
  expect(status).toBe(200)
  if (data === undefined) return null
  const refusals = errors.filter(({ extensions }) => extensions.code === 'FORBIDDEN')
  return refusals.flatMap(({ extensions }) => extensions.missingPermissions as string[])
}

const name = (): string => newId('usr')

/** With these each operation does what it is for, each time. */
const variables: Readonly<Record<string, () => Variables>> = {
  WhoAmI: () => ({}),
  WhatIsHere: () => ({}),
  CreateTwoSpaces: () => ({ one: { name: name() }, another: { name: name() } }),
  CreateKeyForTwoSpaces: () => ({
    input: { name: name(), permissions: [], spaces: [{ spaceId: mine.own.space }] },
  }),
  KeysToReview: () => ({ expiring: { status: 'ACTIVE' }, unused: { neverUsed: true } }),
  RotateKey: () => ({ input: { id: mine.own.key } }),
  RevokeKey: () => ({ input: { id: mine.own.legacy } }),
  CreateScope: () => ({ input: { name: name(), permissions: [] } }),
  InviteMember: () => ({ input: { email: `${name()}@example.com`, role: 'MEMBER' } }),
  CreateKey: () => ({ input: { name: name(), permissions: [] } }),
  UpdateKey: () => ({ input: { id: mine.own.key, name: name() } }),
  CreateSpace: () => ({ input: { name: name() } }),
  FindSpaces: () => ({ first: 5, filter: { visibility: 'OPEN' } }),
  WhyIsItRefused: () => ({ input: { apiKeyId: mine.own.key, permissions: ['keys:read'] } }),
  WhatDoesItNeed: () => ({ operation: '{ viewer { kind } }' }),
  WhoDidWhat: () => ({ filter: { actorId: mine.ownerId } }),
  UpdateWorkspace: () => ({ input: { name: name() } }),
}

const named = Object.entries(operations as Readonly<Record<string, unknown>>)
  .filter(([it]) => it.endsWith('Document'))
  .map(([it, document]): [string, string] => [
    it.replace(/Document$/, ''),
    print(document as DocumentNode),
  ])

/** What is left without one of the permissions, where that is a set that a key can hold. */
const withoutEach = (permissions: readonly string[]): [string, string[]][] =>
  permissions
    .map((gone): [string, string[]] => [gone, permissions.filter((it) => it !== gone)])
    .filter(([, rest]) => missingRequirements(expand(rest)).length === 0)

// What is named is enough, and nothing of it can be left out.
test.each(named)('%s needs exactly what requiredPermissions says', async (operation, query) => {
  const given = variables[operation]
  if (given === undefined) throw new Error(`${operation} has no variables here`)
  const { permissions, errors } = await required(world, mine.secret, query, given())
  expect(errors).toEqual([])
  expect(missingRequirements(expand(permissions))).toEqual([])
  const isEverywhere = /^CreateSpace$|^CreateTwoSpaces$|^InviteMember$|^WhoDidWhat$/.test(operation)
  for (const [gone, rest] of withoutEach(permissions))
    expect(await refusedFor(await keyWith(rest, isEverywhere), query, given())).toContain(gone)
  const enough = await keyWith(permissions, isEverywhere)
  expect(await refusedFor(enough, query, given())).toEqual([])
})

/** Ids by the name of the root field that takes them. */
const knownIds = () => ({
  ...Object.fromEntries(Object.entries(mine.own).map(([kind, id]) => [kind, [id]])),
  apiKey: [mine.own.key],
  accessToken: [mine.own.token],
})

let runs = 0

async function expectEnough(next: GeneratorValue): Promise<void> {
  const { query, variables } = generatedQuery(next, knownIds())
  const { permissions, fields, errors } = await required(world, mine.secret, query, variables)
  const most = await required(world, mine.secret, query)
  expect(most.permissions).toEqual(expect.arrayContaining([...permissions]))
  const refused = await refusedFor(await keyWith(permissions, true), query, variables)
  // Beyond other limits nothing of it is run.
  if (refused === null) return
  runs += 1
  expect({ query, refused, errors }).toEqual({ query, refused: [], errors: [] })
  const ofRoots = fields.filter(({ path }) => !path.includes('.'))
  const asked = new Set(ofRoots.flatMap((root) => root.permissions))
  for (const [gone, rest] of withoutEach(permissions)) {
    const names = new Set(await refusedFor(await keyWith(rest, true), query, variables))
    // Further inside there may be no row to ask about.
    expect([query, ...names]).toEqual(names.size > 0 || asked.has(gone) ? [query, gone] : [query])
  }
}

const seeds = [20_261_141, 20_261_142, 20_261_143]
test.for(seeds)(
  'requiredPermissions of 40 random queries are enough, and none is left out (seed %i)',
  (seed) =>
    fc.assert(fc.asyncProperty(fc.gen(), expectEnough), { numRuns: 40, seed, endOnFailure: true }),
)

test('most of the random queries were run', () => {
  expect(runs).toBeGreaterThan(60)
})
