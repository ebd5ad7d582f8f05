import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { inTurn, lineLength } from '../../src/db/turns.ts'
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
const isClaimed = async ({ id }: TestWorkspace): Promise<boolean> => {
  const email = `${name}@example.com`
  const { prisma } = signIn.world.deps
  const where = { workspaceId: id, email, user: { identities: { some: { subject: name } } } }
  return (await prisma.member.count({ where })) === 1
}

/** How many changes of the workspace have their turn or wait for it. */
const inLine = ({ id }: TestWorkspace): number => lineLength(signIn.world.deps.prisma, id)

/** What was logged of claims that failed, as one does that has waited too long for its turn. */
const failedClaims = (): readonly string[] =>
  signIn.world.logs.filter((line) => line.includes('could not be claimed'))

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
      inTurn(world.deps.prisma, id, () => gate.promise),
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

test('who names none waits a moment, and what waited is claimed behind them, once', async () => {
  await knownPerson()
  await whileBusy(signIn, [busy], 'one', async () => {
    const before = failedClaims().length
    expect(await Promise.all([tell(), tell(), tell()])).toEqual(Array(3).fill(own.id))
    // The claim waits on, beside the change that holds the line: it was not waited for.
    expect([inLine(busy), failedClaims().length]).toEqual([2, before])
  })
  await expect.poll(() => isClaimed(busy)).toBe(true)
  expect(await tell()).toBeUndefined()
  const claims = {
    workspaceId: busy.id,
    action: 'member.claimed',
    targetName: `${name}@example.com`,
  }
  expect(await signIn.world.deps.prisma.auditEvent.count({ where: claims })).toBe(1)
})

test('a claim that fails is logged and decides about no request to another workspace', async () => {
  await knownPerson()
  const before = failedClaims().length
  await whileBusy(signIn, [busy], 'as many as may', async () => {
    expect(await tell()).toBe(own.id)
    expect(await tell(busy.id)).toBe(away)
  })
  expect(failedClaims()).toHaveLength(before + 1)
  expect(failedClaims().at(-1)).toContain(busy.id)
  expect(await tell(busy.id)).toBe(busy.id)
})

test('a stranger is who one membership makes them, though another cannot be claimed', async () => {
  await signIn.invite(busy, name)
  await signIn.invite(own, name)
  await whileBusy(signIn, [busy], 'as many as may', async () => {
    expect(await tell()).toBe(own.id)
  })
  name = `person-${++count}`
  await signIn.invite(busy, name)
  await signIn.invite(own, name)
  await whileBusy(signIn, [busy], 'one', async () => {
    expect(await tell(own.id)).toBe(own.id)
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
  expect(await whoIs(world, token)).toMatchObject({ role: 'ADMIN', user: { id: user } })
})

test('many busy workspaces that wait keep neither a stranger nor the next request long', async () => {
  const { world, invite } = signIn
  const many: TestWorkspace[] = []
  for (let index = 0; index < 8; index++) {
    const workspace = await world.createWorkspace()
    await invite(workspace, name)
    many.push(workspace)
  }
  await invite(own, name)
  await whileBusy(signIn, many, 'one', async () => {
    const before = failedClaims().length
    expect(await tell()).toBe(own.id)
    expect(await tell()).toBe(own.id)
    // No claim has come to anything yet: neither request waited for one to end.
    expect(failedClaims()).toHaveLength(before)
  })
  for (const workspace of many) await expect.poll(() => isClaimed(workspace)).toBe(true)
})
