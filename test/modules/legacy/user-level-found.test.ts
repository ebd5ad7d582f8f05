import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Statements, watchStatements } from '../../setup/statements.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'
import {
  createSignInWorld,
  membersOf,
  type SignInWorld,
  whoIs,
} from '../../sign-in/sign-in-world.ts'
import { expectWhole } from '../audit/expect-whole.ts'
import { importUserLevelKey, roleIn } from './user-level.ts'

let statements: Statements
let signIn: SignInWorld
let world: World
let first: TestWorkspace
let second: TestWorkspace
let userId = ''
let token = ''
let key: { id: string; secret: string }

beforeAll(async () => {
  statements = watchStatements()
  signIn = await createSignInWorld({ signUp: true })
  world = signIn.world
})
afterAll(async () => {
  statements.stop()
  await signIn.close()
})

let count = 0
beforeEach(async () => {
  first = await world.createWorkspace()
  second = await world.createWorkspace()
  const name = `person${++count}`
  await signIn.invite(first, name, 'BUILDER')
  await signIn.invite(second, name, 'ADMIN')
  token = await signIn.person(name)
  await whoIs(world, token, first.id)
  await whoIs(world, token, second.id)
  userId = (await membersOf(world, first))[`${name}@example.com`]?.userId ?? ''
  key = await importUserLevelKey(world, userId)
})

const roles = async () => [
  await roleIn(world, key.secret, first),
  await roleIn(world, key.secret, second),
]

/** By a filter, in a workspace. */
async function revokeFoundBy(secret: string, { id }: TestWorkspace, more = ''): Promise<any> {
  const query = `mutation { revokeApiKeys(input: { filter: { legacy: true } ${more} }) {
    revokedCount apiKeys { id status } errors { code } } }`
  const headers = { 'x-workspace-id': id }
  const { data, errors } = await world.gql(secret, query, undefined, { headers })
  expect(errors).toEqual([])
  return data.revokeApiKeys
}

test.each([
  ['itself', () => key.secret, () => second],
  ['its owner’s sign-in', () => token, () => first],
])(
  'revokeApiKeys: found by %s it ends everywhere, a dry run excepted',
  async (_name, by, where) => {
    const apiKeys = (status: string) => [{ id: key.id, status }]
    const answer = { revokedCount: 1, errors: [] }
    expect(await revokeFoundBy(by(), where(), 'dryRun: true')).toEqual({
      ...answer,
      apiKeys: apiKeys('ACTIVE'),
    })
    expect(await roles()).toEqual(['BUILDER', 'ADMIN'])
    expect(await revokeFoundBy(by(), where())).toEqual({ ...answer, apiKeys: apiKeys('REVOKED') })
    expect(await roles()).toEqual(['401 REVOKED', '401 REVOKED'])
    expect(await roleIn(world, key.secret)).toBe('401 REVOKED')
    for (const workspace of [first, second])
      expect((await expectWhole(world, workspace)).at(-1)).toMatchObject({
        action: 'api_key.revoked',
        targetId: key.id,
      })
  },
)

test('revokeApiKeys: several of one person end everywhere, an ADMIN’s in their workspace only', async () => {
  const others = [await importUserLevelKey(world, userId), await importUserLevelKey(world, userId)]
  expect(await revokeFoundBy(first.secret, first)).toMatchObject({ revokedCount: 3 })
  expect(await roles()).toEqual(['401 REVOKED', 'ADMIN'])
  expect(await revokeFoundBy(token, first)).toMatchObject({ revokedCount: 0 })
  expect(await revokeFoundBy(token, second)).toMatchObject({ revokedCount: 3 })
  for (const { secret } of [key, ...others]) expect(await roleIn(world, secret)).toBe('401 REVOKED')
})

// Every workspace of the person is locked meanwhile.
test('revokeApiKeys: fifty of one person end everywhere in as many statements as one', async () => {
  const writes: number[] = []
  for (const more of [0, 49]) {
    for (let index = 0; index < more; index += 1) await importUserLevelKey(world, userId)
    if (more > 0) key = await importUserLevelKey(world, userId)
    const from = statements.sent.length
    expect(await revokeFoundBy(token, first)).toMatchObject({ revokedCount: more + 1 })
    const sent = statements.sent.slice(from)
    writes.push(sent.filter((text) => /^\s*(UPDATE|INSERT)/.test(text)).length)
    expect(await roles()).toEqual(['401 REVOKED', '401 REVOKED'])
    for (const workspace of [first, second]) await expectWhole(world, workspace)
  }
  const [ofOne, ofFifty] = writes
  expect(ofOne).toBeGreaterThan(0)
  expect(ofFifty).toBe(ofOne)
})
