import { afterAll, beforeAll, expect, test } from 'vitest'
import { addHuman, humanKey } from '../../setup/human.ts'
import { seed } from '../../setup/seed.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'
import { createSignInWorld, join, type SignInWorld, whoIs } from '../../sign-in/sign-in-world.ts'
import { importUserLevelKey } from './user-level.ts'

let signIn: SignInWorld
let world: World
let first: TestWorkspace
let second: TestWorkspace
let token = ''
let userId = ''
let key: { id: string; secret: string }

beforeAll(async () => {
  signIn = await createSignInWorld()
  world = signIn.world
  first = await world.createWorkspace()
  second = await world.createWorkspace()
  for (const workspace of [first, second]) await signIn.invite(workspace, 'owner', 'BUILDER')
  token = await signIn.person('owner')
  await join(world, token, [first, second])
  const who = await whoIs(world, token)
  if (typeof who === 'string') throw new Error(who)
  userId = who.user.id
  key = await importUserLevelKey(world, userId)
})
afterAll(() => signIn.close())

/** Whether a caller sees the key in a workspace, by every way to it. */
async function sees(secret: string, { id }: TestWorkspace): Promise<boolean> {
  const query = `query ($id: ID!) { apiKey(id: $id) { id legacy } apiKeys { nodes { id } }
    verified: apiKeys(filter: { legacy: true, ownerId: "${userId}" }) { nodes { id } } }`
  const headers = { 'x-workspace-id': id }
  const { data, errors } = await world.gql(secret, query, { id: key.id }, { headers })
  expect(errors).toEqual([])
  const found = [
    data.apiKey !== null,
    ...[data.apiKeys, data.verified].map(({ nodes }) =>
      nodes.some((node: { id: string }) => node.id === key.id),
    ),
  ]
  expect(new Set(found).size).toBe(1)
  return found.every(Boolean)
}

test('it is listed in each of its owner’s workspaces to them and to who has all spaces', async () => {
  for (const workspace of [first, second])
    for (const secret of [workspace.secret, token, key.secret])
      expect(await sees(secret, workspace)).toBe(true)
  const { data } = await world.gql(
    first.secret,
    `{ apiKey(id: "${key.id}") { name legacy status owner { id } createdBy { id } start last4 } }`,
  )
  expect(data.apiKey).toMatchObject({
    legacy: true,
    status: 'ACTIVE',
    owner: { id: userId },
    createdBy: null,
  })
  expect(key.secret.startsWith(data.apiKey.start)).toBe(true)
  expect(key.secret.endsWith(data.apiKey.last4)).toBe(true)
})

// What it can do elsewhere is no business of a key that merely reaches the same spaces here.
test('nobody else sees it: no other key of its owner, no admin’s key for a list of spaces', async () => {
  const space = await seed(world, first.secret).space({ name: 'The only one', visibility: 'OPEN' })
  const human = { userId, memberId: '' }
  const reading = { permissions: ['keys:read', 'members:read'] }
  const robot = await seed(world, first.secret).machine({ name: 'Robot', role: 'ADMIN' })
  const grants = [{ spaceId: space, narrowed: false, permissions: [] }]
  const others = [
    await humanKey(world, first, human, { ...reading, allSpaces: true }),
    await humanKey(world, first, human, { ...reading, grants }),
    await humanKey(world, first, await addHuman(world, first, 'BUILDER'), {
      ...reading,
      allSpaces: true,
    }),
    await seed(world, first.secret).key({
      name: 'listed',
      ownerId: robot.userId,
      ...reading,
      spaces: [{ spaceId: space }],
    }),
  ]
  for (const { secret } of others) expect(await sees(secret, first)).toBe(false)
  const all = await humanKey(world, first, await addHuman(world, first, 'ADMIN'), {
    ...reading,
    allSpaces: true,
  })
  expect(await sees(all.secret, first)).toBe(true)
})

test('it counts as one of its owner’s keys, and not for the plan of a workspace', async () => {
  const query = '{ workspace { apiKeyCount } members { nodes { keyCount user { id } } } }'
  const { data } = await world.gql(second.secret, query)
  expect(data.workspace.apiKeyCount).toBe(1)
  const { keyCount } = data.members.nodes.find((node: any) => node.user.id === userId)
  expect(keyCount).toBe(1)
})
