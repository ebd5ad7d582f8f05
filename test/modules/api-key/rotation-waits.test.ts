import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import type { World } from '../../setup/world.ts'
import { createSignInWorld, type SignInWorld, whoIs } from '../../sign-in/sign-in-world.ts'
import { mint, verdict } from '../access-token/ask.ts'

let signIn: SignInWorld
let world: World

beforeAll(async () => {
  signIn = await createSignInWorld()
  world = signIn.world
})
afterAll(() => signIn.close())

/** How long a rotation takes in a workspace of its own, in milliseconds. */
async function rotationTime(): Promise<number> {
  const workspace = await world.createWorkspace()
  const key = await seed(world, workspace.secret).key({ name: 'rotated' })
  const started = performance.now()
  await done(world, workspace.secret, 'rotateApiKey', 'secret', { id: key.id })
  return performance.now() - started
}

/** Runs `work` while somebody else's transaction holds what the statement locks. */
const whileLocked = (statement: string, work: () => Promise<void>): Promise<void> =>
  world.deps.prisma.$transaction(
    async (db) => {
      await db.$executeRawUnsafe(statement)
      await work()
    },
    { timeout: 15_000 },
  )

// Who signs in elsewhere, by a provider that hangs, must not hold up anybody's rotation here.
test('a rotation does not wait for the sign-in of somebody else', async () => {
  signIn.issuer.pages.discovery = 'hang'
  const hanging = whoIs(world, await signIn.person('ada'))
  await expect.poll(() => signIn.issuer.requests.discovery).toBe(1)
  expect(await rotationTime()).toBeLessThan(2_000)
  signIn.issuer.cut()
  expect(await hanging).toContain('503')
})

// The embedded database has one connection: nobody else's transaction waits while another one runs.
if (inject('postgres')) {
  test('nor for a retirement that waits for the lock of another workspace', async () => {
    const other = await world.createWorkspace()
    const key = await seed(world, other.secret).key({ name: 'waits' })
    const { secret } = await done(world, other.secret, 'rotateApiKey', 'secret', {
      id: key.id,
      retirePreviousOnFirstUse: true,
    })
    let using: Promise<string> | undefined
    await whileLocked(`SELECT 1 FROM "Workspace" WHERE id = '${other.id}' FOR UPDATE`, async () => {
      using = verdict(world, secret)
      await sleep(100)
      expect(await rotationTime()).toBeLessThan(2_000)
    })
    expect(await using).toBe('ACCEPTED')
  })

  test('nor, for long, for a credential whose reading takes long', async () => {
    const other = await world.createWorkspace()
    const { token } = await mint(world, other.secret)
    let using: Promise<string> | undefined
    await whileLocked('LOCK TABLE "AccessToken" IN ACCESS EXCLUSIVE MODE', async () => {
      using = verdict(world, token)
      await sleep(100)
      expect(await rotationTime()).toBeLessThan(2_000)
    })
    expect(await using).toBe('ACCEPTED')
  })
}
