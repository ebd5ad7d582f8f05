import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { waitingForLocks } from '../../setup/in-line.ts'
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

/** A rotation in a workspace of its own, which must succeed. */
async function rotation(): Promise<() => Promise<unknown>> {
  const workspace = await world.createWorkspace()
  const { id } = await seed(world, workspace.secret).key({ name: 'rotated' })
  return () => done(world, workspace.secret, 'rotateApiKey', 'secret', { id })
}

/** Runs `work` while somebody else's transaction holds what the statement locks. */
const whileLocked = (statement: string, work: () => Promise<void>): Promise<void> =>
  world.deps.prisma.$transaction(
    async (db) => {
      await db.$executeRawUnsafe(statement)
      await work()
    },
    { timeout: 25_000 },
  )

// Who signs in elsewhere, by a provider that hangs, must not hold up anybody's rotation here.
test('a rotation does not wait for the sign-in of somebody else', async () => {
  const rotate = await rotation()
  signIn.issuer.pages.discovery = 'hang'
  const answered = vi.fn()
  const hanging = whoIs(world, await signIn.person('ada')).finally(answered)
  await expect.poll(() => signIn.issuer.requests.discovery).toBe(1)
  await rotate()
  expect(answered).not.toHaveBeenCalled()
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
    const rotate = await rotation()
    let using: Promise<string> | undefined
    await whileLocked(`SELECT 1 FROM "Workspace" WHERE id = '${other.id}' FOR UPDATE`, async () => {
      using = verdict(world, secret)
      await waitingForLocks(world.deps.prisma, 1)
      // The lock is kept until it is done.
      await rotate()
    })
    expect(await using).toBe('ACCEPTED')
  })

  test('nor, for long, for a credential whose reading takes long', async () => {
    const other = await world.createWorkspace()
    const { token } = await mint(world, other.secret)
    const rotate = await rotation()
    let using: Promise<string> | undefined
    await whileLocked('LOCK TABLE "AccessToken" IN ACCESS EXCLUSIVE MODE', async () => {
      using = verdict(world, token)
      await waitingForLocks(world.deps.prisma, 1)
      // The lock is kept until it is done.
      await rotate()
    })
    expect(await using).toBe('ACCEPTED')
  })
}
