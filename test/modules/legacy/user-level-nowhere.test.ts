import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { done } from '../../setup/seed.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'
import { createSignInWorld, join, type SignInWorld, whoIs } from '../../sign-in/sign-in-world.ts'
import { directly } from '../api-key/ask.ts'
import { importUserLevelKey } from './user-level.ts'

let signIn: SignInWorld
let world: World
let first: TestWorkspace
let second: TestWorkspace
let key: { id: string; secret: string }

beforeAll(async () => {
  signIn = await createSignInWorld()
  world = signIn.world
})
afterAll(() => signIn.close())

let count = 0
beforeEach(async () => {
  first = await world.createWorkspace()
  second = await world.createWorkspace()
  const name = `nowhere${++count}`
  for (const workspace of [first, second]) await signIn.invite(workspace, name)
  const token = await signIn.person(name)
  await join(world, token, [first, second])
  const who = await whoIs(world, token)
  if (typeof who === 'string') throw new Error(who)
  key = await importUserLevelKey(world, who.user.id)
})

/** What it is told without naming a workspace, from an address: those that it can enter. */
async function enterable(address = '192.0.2.1'): Promise<string | string[]> {
  const query = '{ viewer { user { name email } } workspaces { nodes { id } } }'
  const { status, data, errors } = await world.gql(key.secret, query, undefined, { address })
  const [error] = errors
  if (error === undefined) return data.workspaces.nodes.map(({ id }: { id: string }) => id).sort()
  return [status, error.extensions.reason].join(' ')
}

const both = () => [first.id, second.id].sort()
const inBoth = async (change: (workspace: TestWorkspace) => Promise<unknown>) => {
  for (const workspace of [first, second]) await change(workspace)
}

// A credential that is accepted nowhere tells nobody whose it is.
test('disabled in all of them it is refused', async () => {
  const disable = ({ secret }: TestWorkspace) =>
    done(world, secret, 'disableApiKey', 'apiKey { id }', { id: key.id })
  await disable(first)
  expect(await enterable()).toEqual([second.id])
  await disable(second)
  expect(await enterable()).toBe('401 DISABLED')
})

test('past the sunsets of all of them it is refused', async () => {
  expect(await enterable()).toEqual(both())
  await inBoth(({ id }) =>
    directly(world, id, (prisma) =>
      prisma.workspace.update({ where: { id }, data: { legacyKeySunsetAt: new Date(0) } }),
    ),
  )
  expect(await enterable()).toBe('401 EXPIRED')
})

test('from an address that all of them refuse it is refused', async () => {
  const only = ({ secret }: TestWorkspace, block: string) =>
    done(world, secret, 'updateApiKey', 'apiKey { id }', { id: key.id, allowedIps: [block] })
  await only(first, '192.0.2.0/24')
  await only(second, '198.51.100.0/24')
  expect(await enterable()).toEqual([first.id])
  expect(await enterable('::ffff:198.51.100.7')).toEqual([second.id])
  expect(await enterable('203.0.113.1')).toBe('401 IP_NOT_ALLOWED')
})
