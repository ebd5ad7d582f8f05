import { afterAll, expect, test } from 'vitest'
import { done } from '../../setup/seed.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { createSignInWorld, membersOf, whoIs } from '../../sign-in/sign-in-world.ts'
import { expectWhole } from '../audit/expect-whole.ts'
import { importUserLevelKey, inWorkspace } from './user-level.ts'

const signIn = await createSignInWorld({ signUp: true })
const { world } = signIn
afterAll(() => signIn.close())

const rounds = 5
let count = 0

interface Person {
  readonly name: string
  readonly userId: string
  readonly token: string
  readonly home: TestWorkspace
}

async function person(): Promise<Person> {
  const home = await world.createWorkspace()
  const name = `racer${++count}`
  await signIn.invite(home, name)
  const token = await signIn.person(name)
  await whoIs(world, token)
  const userId = (await membersOf(world, home))[`${name}@example.com`]?.userId ?? ''
  return { name, userId, token, home }
}

const create = ({ token, name }: Person) => {
  const input = { name, slug: `of-${name}` }
  return done(world, token, 'createWorkspace', 'workspace { id }', input)
}

/** Every key of a person is in every one of their workspaces, and revoked there when it is everywhere. */
async function expectEverywhere({ userId }: Person): Promise<void> {
  const { prisma } = world.deps
  const memberships = await prisma.member.findMany({ where: { userId, removedAt: null } })
  const keys = await prisma.userLegacyKey.findMany({ where: { userId } })
  expect(keys.length).toBeGreaterThan(0)
  for (const { id, revokedAt } of keys)
    for (const { workspaceId } of memberships) {
      const row = await prisma.apiKey.findUnique({ where: { workspaceId_id: { workspaceId, id } } })
      if (revokedAt === null) expect(row).toMatchObject({ ownerId: userId, revokedAt: null })
      else expect(row === null || row.revokedAt !== null).toBe(true)
    }
  for (const { workspaceId } of memberships) await expectWhole(world, { id: workspaceId })
}

test('a key imported as its owner makes a workspace is in both', async () => {
  for (let round = 0; round < rounds; round += 1) {
    const racer = await person()
    await Promise.all([create(racer), importUserLevelKey(world, racer.userId)])
    await expectEverywhere(racer)
  }
})

// A workspace that is made meanwhile is one that nobody thought of as the key was revoked.
test('a key revoked as its owner makes a workspace works in neither', async () => {
  for (let round = 0; round < rounds; round += 1) {
    const racer = await person()
    const { id, secret } = await importUserLevelKey(world, racer.userId)
    const there = inWorkspace(world, racer.home)
    await Promise.all([
      create(racer),
      done(there, secret, 'revokeApiKey', 'revokedCount', { id }),
      importUserLevelKey(world, racer.userId),
    ])
    await expectEverywhere(racer)
  }
})

// Each passes keys into the workspaces of the other, and neither waits for the other for ever.
test('memberships with keys that pass to one person at once', async () => {
  for (let round = 0; round < rounds; round += 1) {
    const racer = await person()
    await importUserLevelKey(world, racer.userId)
    const waiting = await Promise.all([1, 2, 3].map(() => world.createWorkspace()))
    for (const workspace of waiting) {
      await signIn.invite(workspace, racer.name, 'ADMIN')
      const unbound = (await membersOf(world, workspace))[`${racer.name}@example.com`]
      await importUserLevelKey(world, unbound?.userId ?? '')
    }
    const answers = await Promise.all(
      [...waiting, racer.home].map(({ id }) => whoIs(world, racer.token, id)),
    )
    expect(answers.map((who) => (typeof who === 'string' ? who : who.role))).toEqual([
      'ADMIN',
      'ADMIN',
      'ADMIN',
      'MEMBER',
    ])
    await expectEverywhere(racer)
    const keys = await world.deps.prisma.userLegacyKey.count({ where: { userId: racer.userId } })
    expect(keys).toBe(4)
  }
})
