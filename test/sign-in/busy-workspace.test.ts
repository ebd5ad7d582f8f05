import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { queueDepth, withMutex } from '../../src/transactions/workspace-mutex.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { createSignInWorld, type SignInWorld, whoIs } from './sign-in-world.ts'

let signIn: SignInWorld
let signUp: SignInWorld
// The busy one is older: whatever goes by the order of workspaces comes to it first.
let busy: TestWorkspace
let own: TestWorkspace
let count = 0
let name = ''
const away = '503 SERVICE_UNAVAILABLE'

beforeAll(async () => {
  signIn = await createSignInWorld()
  signUp = await createSignInWorld({ signUp: true })
  busy = await signIn.world.createWorkspace()
  own = await signIn.world.createWorkspace()
})
afterAll(async () => {
  await signIn.close()
  await signUp.close()
})
beforeEach(() => {
  name = `person-${++count}`
})

const tell = async (workspace?: string) => {
  const who = await whoIs(signIn.world, await signIn.person(name), workspace)
  return typeof who === 'string' ? who : who.workspace?.id
}

/** Whether the membership of the address in that workspace has passed to the person who has one here. */
const isClaimed = async ({ id }: TestWorkspace, { world } = signIn): Promise<boolean> => {
  const email = `${name}@example.com`
  const { prisma } = world.deps
  const where = { workspaceId: id, email, user: { identities: { some: { subject: name } } } }
  return (await prisma.member.count({ where })) === 1
}

/** How many changes of the workspace have their turn or wait for it. */
const inLine = ({ id }: TestWorkspace, { world } = signIn): number =>
  queueDepth(world.deps.prisma, id)

/** What was logged of claims that failed, as one does that has waited too long for its turn. */
const failedClaims = ({ world } = signIn): readonly string[] =>
  world.logs.filter((line) => line.includes('could not be claimed'))

/** Does `work` while so many changes of the workspace wait for one that does not end. */
async function whileBusy<T>(
  { world }: SignInWorld,
  workspaces: readonly TestWorkspace[],
  waiting: 'one' | 'as many as may',
  work: () => Promise<T>,
): Promise<T> {
  const gate = Promise.withResolvers<void>()
  const changes = workspaces.flatMap(({ id }) =>
    Array.from({ length: waiting === 'one' ? 1 : 500 }, () =>
      withMutex(world.deps.prisma, id, () => gate.promise),
    ),
  )
  try {
    return await work()
  } finally {
    gate.resolve()
    await Promise.all(changes)
  }
}

/** A person of `own` for whom a membership of `busy` has come to wait. */
async function knownPerson(): Promise<void> {
  await signIn.invite(own, name)
  expect(await tell()).toBe(own.id)
  await signIn.invite(busy, name)
}

test.each(['one', 'as many as may'] as const)(
  'who names their workspace claims nothing in another, where %s waits',
  async (waiting) => {
    await knownPerson()
    await whileBusy(signIn, [busy], waiting, async () => {
      const before = [inLine(busy), failedClaims().length]
      for (const named of [own.id, own.slug]) expect(await tell(named)).toBe(own.id)
      expect([inLine(busy), failedClaims().length]).toEqual(before)
    })
    expect(await isClaimed(busy)).toBe(false)
    expect(await tell(busy.id)).toBe(busy.id)
    expect(await isClaimed(busy)).toBe(true)
  },
)

test('who is in a workspace and names none: waits for no other and claims nothing there', async () => {
  await knownPerson()
  await whileBusy(signIn, [busy], 'one', async () => {
    const before = inLine(busy)
    expect(await Promise.all([tell(), tell(), tell()])).toEqual(Array(3).fill(own.id))
    expect(inLine(busy)).toBe(before)
  })
  expect(await tell()).toBe(own.id)
  expect(await isClaimed(busy)).toBe(false)
})

test('a named workspace where the claim fails: is away, and others are not', async () => {
  await knownPerson()
  await whileBusy(signIn, [busy], 'as many as may', async () => {
    expect(await tell(busy.id)).toBe(away)
    expect(await tell(own.id)).toBe(own.id)
    expect(await tell()).toBe(own.id)
  })
  expect(await tell(busy.id)).toBe(busy.id)
})

test('a stranger who names one of two workspaces: does not wait for the other', async () => {
  await signIn.invite(busy, name)
  await signIn.invite(own, name)
  await whileBusy(signIn, [busy], 'as many as may', async () => {
    expect(await tell(own.slug)).toBe(own.id)
    expect(await tell()).toBe(own.id)
  })
})

test('a stranger for whom nothing can be claimed cannot be judged, and is once it can', async () => {
  await signIn.invite(busy, name)
  await whileBusy(signIn, [busy], 'as many as may', async () => {
    expect(await tell()).toBe(away)
    expect(await tell(busy.id)).toBe(away)
  })
  expect(await tell()).toBe(busy.id)
})

test('who may sign up does, and what could not be claimed passes to them later', async () => {
  const { world, person, invite } = signUp
  const workspace = await world.createWorkspace()
  await invite(workspace, name, 'ADMIN')
  const token = await person(name)
  const user = await whileBusy(signUp, [workspace], 'as many as may', async () => {
    const who = await whoIs(world, token)
    if (typeof who === 'string') throw new Error(who)
    expect(who.workspace).toBeNull()
    return who.user.id
  })
  expect(failedClaims(signUp).at(-1)).toContain(workspace.id)
  expect(await whoIs(world, token)).toMatchObject({ role: 'ADMIN', user: { id: user } })
})

// Somebody who keeps their own workspace busy must not have a say in where a person is.
test('a claim without a named workspace: is not made once the person has come into another', async () => {
  const waiting = await signUp.world.createWorkspace()
  const entered = await signUp.world.createWorkspace()
  const token = await signUp.person(name)
  const nowhere = await whoIs(signUp.world, token)
  expect(nowhere).toMatchObject({ workspace: null })
  await signUp.invite(waiting, name, 'OWNER')
  const before = failedClaims(signUp).length
  await whileBusy(signUp, [waiting], 'one', async () => {
    expect(await whoIs(signUp.world, token)).toMatchObject({ workspace: null })
    expect(inLine(waiting, signUp)).toBe(2)
    await signUp.invite(entered, name)
    expect(await whoIs(signUp.world, token, entered.id)).toMatchObject({ role: 'MEMBER' })
  })
  await expect.poll(() => inLine(waiting, signUp)).toBe(0)
  expect(await whoIs(signUp.world, token)).toMatchObject({ workspace: { id: entered.id } })
  expect(await isClaimed(waiting, signUp)).toBe(false)
  expect(failedClaims(signUp)).toHaveLength(before)
})
