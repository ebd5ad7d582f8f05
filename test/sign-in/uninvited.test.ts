import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { outcome } from '../setup/outcome.ts'
import { done } from '../setup/seed.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { createSignInWorld, type SignInWorld, whoIs } from './sign-in-world.ts'

let signIn: SignInWorld
let own: TestWorkspace
let other: TestWorkspace
let count = 0
/** The name of a person whom nobody has entered yet. */
let name = ''

beforeAll(async () => {
  signIn = await createSignInWorld({ signUp: true })
  own = await signIn.world.createWorkspace()
  other = await signIn.world.createWorkspace()
})
afterAll(() => signIn.close())
beforeEach(() => {
  name = `person-${++count}`
})

/** The workspace and role of the person in a request that names this workspace, or none. */
async function enters(workspace?: string, claims = {}): Promise<unknown> {
  const who = await whoIs(signIn.world, await signIn.person(name, claims), workspace)
  return typeof who === 'string' ? who : [who.workspace?.id ?? null, who.role]
}

const invite = (workspace: TestWorkspace, role = 'MEMBER') => signIn.invite(workspace, name, role)

/** The ids of the workspaces that a request without a named workspace lists. */
async function listed(): Promise<string[]> {
  const { data, errors } = await signIn.world.gql(
    await signIn.person(name),
    '{ workspaces { nodes { id name slug plan } } }',
  )
  expect(errors).toEqual([])
  return data.workspaces.nodes.map(({ id }: { id: string }) => id).sort()
}

/** How many memberships of the workspace the person has claimed. */
const claimed = ({ id }: Pick<TestWorkspace, 'id'>): Promise<number> =>
  signIn.world.deps.prisma.auditEvent.count({
    where: { workspaceId: id, action: 'member.claimed', targetName: `${name}@example.com` },
  })

/** A workspace that somebody signed up for, with a token of its OWNER. */
async function signedUp(owner: string) {
  const secret = await signIn.person(owner)
  const input = { name: owner, slug: owner }
  const { workspace } = await done(
    signIn.world,
    secret,
    'createWorkspace',
    'workspace { id slug }',
    input,
  )
  return { ...own, ...workspace, secret } as TestWorkspace
}

test.each(['MEMBER', 'OWNER'])(
  'addMember of somebody who is a member elsewhere, as %s: changes no request of theirs without a named workspace',
  async (role) => {
    await invite(own, 'BUILDER')
    expect(await enters()).toEqual([own.id, 'BUILDER'])
    await invite(other, role)
    expect(await enters()).toEqual([own.id, 'BUILDER'])
    expect(await listed()).toEqual([own.id])
    expect(
      await outcome(signIn.world, await signIn.person(name), 'createAgent', {
        name: 'mine',
        spaceIds: [],
      }),
    ).toEqual(['INVALID input.spaceIds'])
    expect(await claimed(other)).toBe(0)

    expect(await enters(other.slug)).toEqual([other.id, role])
    expect(await claimed(other)).toBe(1)
    expect(await enters()).toEqual([null, null])
    expect(await listed()).toEqual([other.id, own.id].sort())
  },
)

test('addMember by several strangers: claims nothing for a person in several workspaces either', async () => {
  await invite(own)
  await invite(other)
  for (const { id } of [own, other]) expect(await enters(id)).toEqual([id, 'MEMBER'])
  const strangers = [await signedUp(`${name}-a`), await signedUp(`${name}-b`)]
  for (const stranger of strangers) await invite(stranger, 'OWNER')
  expect(await enters()).toEqual([null, null])
  expect(await listed()).toEqual([own.id, other.id].sort())
  for (const stranger of strangers) expect(await claimed(stranger)).toBe(0)
})

test('first sign-in with one pending membership: claims it without a named workspace', async () => {
  await invite(own, 'ADMIN')
  expect(await enters()).toEqual([own.id, 'ADMIN'])
  expect(await claimed(own)).toBe(1)
})

test('first sign-in with several pending memberships: lists them, claims the named one alone', async () => {
  await invite(own, 'ADMIN')
  await invite(other, 'OWNER')
  const both = [own.id, other.id].sort()
  for (let time = 0; time < 2; time++) {
    expect(await enters()).toEqual([null, null])
    expect(await listed()).toEqual(both)
  }
  const { errors } = await signIn.world.gql(
    await signIn.person(name),
    '{ spaces { nodes { id } } }',
  )
  expect(errors[0]?.extensions).toMatchObject({
    code: 'BAD_USER_INPUT',
    path: ['X-Workspace-Id'],
  })
  expect([await claimed(own), await claimed(other)]).toEqual([0, 0])

  expect(await enters(own.id)).toEqual([own.id, 'ADMIN'])
  expect(await enters()).toEqual([own.id, 'ADMIN'])
  expect(await listed()).toEqual([own.id])
  expect([await claimed(own), await claimed(other)]).toEqual([1, 0])
})

test('first sign-in: the operator’s workspace is entered whatever strangers signed up for', async () => {
  const strangers = [await signedUp(`${name}-a`), await signedUp(`${name}-b`)]
  for (const stranger of strangers) await invite(stranger, 'OWNER')
  expect(await enters()).toEqual([null, null])
  await invite(own)
  expect(await enters()).toEqual([own.id, 'MEMBER'])
  for (const stranger of strangers) expect(await claimed(stranger)).toBe(0)
})

test('a named workspace that is not theirs: claims nothing elsewhere', async () => {
  await invite(own)
  for (const named of [other.id, other.slug, 'none']) {
    expect(await enters(named)).toBe('404 WORKSPACE_NOT_FOUND')
    expect(await claimed(own)).toBe(0)
  }
  expect(await enters(own.slug)).toEqual([own.id, 'MEMBER'])
})

test('a pending membership that is removed first: is neither listed nor claimed', async () => {
  const ids = [await invite(own), await invite(other)]
  expect(await listed()).toHaveLength(2)
  for (const [index, { secret }] of [own, other].entries())
    await done(signIn.world, secret, 'removeMember', 'member { id }', { id: ids[index] })
  expect(await listed()).toEqual([])
  expect(await enters()).toEqual([null, null])
  expect(await enters(own.id)).toBe('404 WORKSPACE_NOT_FOUND')
})

test('who was removed everywhere and is entered again: is in that workspace without naming it', async () => {
  const id = await invite(own)
  expect(await enters()).toEqual([own.id, 'MEMBER'])
  await done(signIn.world, own.secret, 'removeMember', 'member { id }', { id })
  await invite(other, 'ADMIN')
  expect(await enters()).toEqual([other.id, 'ADMIN'])
  await invite(own, 'BUILDER')
  expect(await enters()).toEqual([other.id, 'ADMIN'])
  expect(await enters(own.id)).toEqual([own.id, 'BUILDER'])
})

test('another address at the provider: claims nothing where they name none', async () => {
  await invite(own)
  expect(await enters()).toEqual([own.id, 'MEMBER'])
  const email = `changed-${name}@example.com`
  await done(signIn.world, other.secret, 'addMember', 'member { id }', { email, role: 'ADMIN' })
  expect(await enters(undefined, { email })).toEqual([own.id, 'MEMBER'])
  expect(await enters(other.id)).toBe('404 WORKSPACE_NOT_FOUND')
  expect(await enters(other.id, { email })).toEqual([other.id, 'ADMIN'])
})

test('first requests at once, some of which name a workspace: each is one person, none claims another', async () => {
  await invite(own)
  await invite(other)
  const named = [own.id, undefined, own.slug, undefined, own.id, undefined]
  const answers = await Promise.all(named.map((workspace) => enters(workspace)))
  answers.forEach((answer, index) => {
    if (named[index] !== undefined) expect(answer).toEqual([own.id, 'MEMBER'])
  })
  expect([await claimed(own), await claimed(other)]).toEqual([1, 0])
  const { prisma } = signIn.world.deps
  expect(await prisma.identity.count({ where: { subject: name } })).toBe(1)
})

// What is typed by an admin is trimmed; what the provider vouches for is compared as it says.
test.each([
  ['a blank before it', (email: string) => ` ${email}`],
  ['a blank behind it', (email: string) => `${email} `],
  ['a line break', (email: string) => `${email}\n`],
  ['a no-break space', (email: string) => `\u00A0${email}`],
  ['a byte order mark', (email: string) => `\uFEFF${email}`],
  ['a control character', (email: string) => `${email}\u0000`],
  ['an invisible character', (email: string) => `\u200B${email}`],
  ['a full-width letter', (email: string) => email.replace('p', '\uFF50')],
  ['a tag behind a plus', (email: string) => email.replace('@', '+tag@')],
  ['another host', (email: string) => `${email}.`],
])('an address of the provider with %s: claims nothing', async (_what, spoil) => {
  const email = `${name}@example.com`
  const id = await invite(own)
  expect(await enters(undefined, { email: spoil(email) })).toEqual([null, null])
  expect(await enters(own.id, { email: spoil(email) })).toBe('404 WORKSPACE_NOT_FOUND')
  expect(await claimed(own)).toBe(0)
  expect(await enters(undefined, { email: email.toUpperCase() })).toEqual([own.id, 'MEMBER'])
  await done(signIn.world, own.secret, 'removeMember', 'member { id }', { id })
})

test('an international host: is the same as it was entered, and not its other spelling', async () => {
  const entered = `${name}@b\u00FCcher.example`
  const punycode = `${name}@xn--bcher-kva.example`
  await done(signIn.world, own.secret, 'addMember', 'member { id }', {
    email: entered,
    role: 'MEMBER',
  })
  expect(await enters(own.id, { email: punycode })).toBe('404 WORKSPACE_NOT_FOUND')
  expect(await enters(own.id, { email: entered })).toEqual([own.id, 'MEMBER'])
})
