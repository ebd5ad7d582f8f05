import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSignInWorld, membersOf, type SignInWorld, whoIs } from './sign-in-world.ts'

let signIn: SignInWorld
let signUp: SignInWorld

beforeAll(async () => {
  signIn = await createSignInWorld()
  signUp = await createSignInWorld({ signUp: true })
})
afterAll(async () => {
  await signIn.close()
  await signUp.close()
})

const times = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)))

/** The distinct user ids of the answers, every one of which must be one. */
const usersOf = (answers: readonly Awaited<ReturnType<typeof whoIs>>[]): string[] => [
  ...new Set(
    answers.map((who) => {
      if (typeof who === 'string') throw new Error(who)
      return who.user.id
    }),
  ),
]

test('of many first requests at once each is the same new user', async () => {
  const { world, person } = signUp
  for (let round = 0; round < 5; round++) {
    const sub = `new-${round}`
    const tokens = await times(8, (index) => person(sub, { jti: `${index}` }))
    expect(usersOf(await Promise.all(tokens.map((token) => whoIs(world, token))))).toHaveLength(1)
  }
  expect(await world.deps.prisma.user.count()).toBe(5)
})

test('of many first requests at once each finds all that waited claimed, once', async () => {
  const { world, person, invite } = signIn
  const workspaces = await times(3, () => world.createWorkspace())
  for (let round = 0; round < 5; round++) {
    const sub = `waited-for-${round}`
    for (const workspace of workspaces) await invite(workspace, sub)
    const tokens = await times(8, (index) => person(sub, { jti: `${index}` }))
    const answers = await Promise.all(
      tokens.map((token, index) => whoIs(world, token, workspaces[index % 3]?.id)),
    )
    expect(usersOf(answers)).toHaveLength(1)
  }
  const claims = await world.deps.prisma.auditEvent.count({ where: { action: 'member.claimed' } })
  expect(claims).toBe(15)
})

// Each request knows of another membership first; both would make its user the person.
test('two memberships claimed from two sides at once go to one person', async () => {
  const { world, person, invite } = signIn
  const workspaces = await times(2, () => world.createWorkspace())
  for (let round = 0; round < 5; round++) {
    const sub = `from-both-sides-${round}`
    const answers = await times(2, async (index) => {
      const workspace = workspaces[index]
      if (workspace === undefined) throw new Error('no such workspace')
      await invite(workspace, sub)
      return await whoIs(world, await person(sub), workspace.id)
    })
    expect(usersOf(answers)).toHaveLength(1)
  }
})

test('of two memberships in one workspace a person claims one, and the other waits on', async () => {
  const { world, person, invite } = signIn
  const workspace = await world.createWorkspace()
  for (let round = 0; round < 5; round++) {
    const sub = `twice-${round}`
    const emails = [`${sub}-x`, `${sub}-y`]
    for (const email of emails) await invite(workspace, email)
    await times(6, async (index) => {
      const email = `${emails[index % 2]}@example.com`
      return await whoIs(world, await person(sub, { email }))
    })
    const members = Object.keys(await membersOf(world, workspace))
    expect(members.filter((email) => email.startsWith(sub))).toHaveLength(2)
    const claims = { workspaceId: workspace.id, action: 'member.claimed' }
    expect(await world.deps.prisma.auditEvent.count({ where: claims })).toBe(round + 1)
  }
})

test('an address that two people show goes to one of them', async () => {
  const { world, person, invite } = signIn
  const workspace = await world.createWorkspace()
  await invite(workspace, 'shared', 'ADMIN')
  const email = 'shared@example.com'
  const answers = await times(6, async (index) =>
    whoIs(world, await person(`p${index}`, { email })),
  )
  const known = answers.filter((who) => typeof who !== 'string')
  expect(known).toHaveLength(1)
  expect(answers.filter((who) => who === '401 UNAUTHENTICATED UNKNOWN')).toHaveLength(5)
})

test('a removal and a claim at once leave nobody in', async () => {
  const { world, person, invite } = signIn
  const workspace = await world.createWorkspace()
  for (let round = 0; round < 5; round++) {
    const sub = `removed-${round}`
    const id = await invite(workspace, sub, 'ADMIN')
    const token = await person(sub)
    const removal = `mutation { removeMember(input: { id: "${id}" }) { errors { code } } }`
    const [, removed] = await Promise.all([
      whoIs(world, token, workspace.id),
      world.gql(workspace.secret, removal),
    ])
    expect(removed.data.removeMember.errors).toEqual([])
    expect(await whoIs(world, token, workspace.id)).toMatch(/^40[14] /)
  }
})

test('updateMember and a claim at once: the person has the role that was given', async () => {
  const { world, person, invite } = signIn
  const workspace = await world.createWorkspace()
  for (let round = 0; round < 5; round++) {
    const sub = `changed-${round}`
    const id = await invite(workspace, sub, 'OWNER')
    const token = await person(sub)
    const change = `mutation { updateMember(input: { id: "${id}", role: MEMBER }) { errors { code } } }`
    const [who, changed] = await Promise.all([
      whoIs(world, token, workspace.id),
      world.gql(workspace.secret, change),
    ])
    expect(changed.data.updateMember.errors).toEqual([])
    expect(['OWNER', 'MEMBER']).toContain(typeof who === 'string' ? who : who.role)
    expect(await whoIs(world, token, workspace.id)).toMatchObject({ role: 'MEMBER' })
    expect(await membersOf(world, workspace)).toMatchObject({
      [`${sub}@example.com`]: { id, role: 'MEMBER' },
    })
  }
})

// Each change reads the person's role again, under the lock that the demotion held.
test('nothing that begins under the old role is done after the demotion', async () => {
  const { world, person, invite } = signIn
  const workspace = await world.createWorkspace()
  for (let round = 0; round < 3; round++) {
    const sub = `demoted-${round}`
    const id = await invite(workspace, sub, 'ADMIN')
    const token = await person(sub)
    await whoIs(world, token)
    const demotion = `mutation { updateMember(input: { id: "${id}", role: MEMBER }) { errors { code } } }`
    const creation = (name: string) =>
      `mutation { createSpace(input: { name: "${name}" }) { errors { code } } }`
    await Promise.all([
      ...[1, 2, 3].map((index) => world.gql(token, creation(`${sub} ${index}`))),
      world.gql(workspace.secret, demotion),
      ...[4, 5, 6].map((index) => world.gql(token, creation(`${sub} ${index}`))),
    ])
    const events = await world.deps.prisma.auditEvent.findMany({
      where: { workspaceId: workspace.id, OR: [{ actorKind: 'HUMAN' }, { targetId: id }] },
      orderBy: { sequence: 'asc' },
    })
    expect(events.at(-1)).toMatchObject({ action: 'member.updated', targetId: id })
  }
})
