import { afterAll, beforeAll, expect, test } from 'vitest'
import { seed } from '../setup/seed.ts'
import type { TestWorkspace } from '../setup/world.ts'
import { createSignInWorld, join, type SignInWorld, whoIs } from './sign-in-world.ts'

let signIn: SignInWorld
let first: TestWorkspace
let second: TestWorkspace
let foreign: TestWorkspace
let token = ''

beforeAll(async () => {
  signIn = await createSignInWorld()
  const { world, invite, person } = signIn
  first = await world.createWorkspace()
  second = await world.createWorkspace()
  foreign = await world.createWorkspace()
  await invite(first, 'both', 'OWNER')
  await invite(second, 'both', 'MEMBER')
  await invite(first, 'one', 'BUILDER')
  token = await person('both')
  await join(world, token, [first, second])
})
afterAll(() => signIn.close())

const ask = (query: string, workspace?: string) =>
  signIn.world.gql(token, query, undefined, {
    headers: workspace === undefined ? {} : { 'x-workspace-id': workspace },
  })

test('a person with one membership need not name it', async () => {
  const { world, person } = signIn
  const one = await person('one')
  for (const named of [undefined, first.id, first.slug, ''])
    expect(await whoIs(world, one, named)).toMatchObject({
      role: 'BUILDER',
      workspace: { id: first.id },
    })
})

test('a person with several names one, by id or slug, and has their role there', async () => {
  for (const { id, slug } of [first, second])
    for (const named of [id, slug])
      expect(await whoIs(signIn.world, token, named)).toMatchObject({
        role: id === first.id ? 'OWNER' : 'MEMBER',
        workspace: { id },
      })
})

test('an unknown workspace and a foreign one are the same to everybody', async () => {
  const { world, person } = signIn
  const credentials = [token, await person('one'), first.secret]
  for (const credential of credentials)
    for (const named of [
      foreign.id,
      foreign.slug,
      'wsp_none',
      'none',
      '%',
      `${first.id} `.repeat(9),
    ]) {
      const headers = { 'x-workspace-id': named }
      const { status, errors } = await world.gql(credential, '{ viewer { kind } }', undefined, {
        headers,
      })
      const { requestId: _, ...extensions } = errors[0]?.extensions ?? {}
      expect([status, errors[0]?.message, extensions]).toEqual([
        404,
        'There is no such workspace.',
        { code: 'WORKSPACE_NOT_FOUND' },
      ])
    }
})

test('without a name there is who one is, what one can enter, and nothing else', async () => {
  const open = `{ viewer { kind role permissions allSpaces spaces { spaceId } apiKey { id }
    workspace { id } user { id kind name email } } permissions { name }
    workspaces { nodes { id slug name plan } } }`
  const { data, errors } = await ask(open)
  expect(errors).toEqual([])
  expect(data.viewer).toEqual({
    kind: 'HUMAN',
    role: null,
    permissions: [],
    allSpaces: false,
    spaces: [],
    apiKey: null,
    workspace: null,
    user: {
      id: expect.stringMatching(/^usr_/),
      kind: 'HUMAN',
      name: 'both@example.com',
      email: 'both@example.com',
    },
  })
  const ids = data.workspaces.nodes.map(({ id }: { id: string }) => id)
  expect(ids.sort()).toEqual([first.id, second.id].sort())
})

test.each([
  '{ workspace { id } }',
  '{ spaces { nodes { id } } }',
  '{ agent(id: "agt_none") { id } }',
  '{ node(id: "agt_00000000000000000000000000") { id } }',
  '{ nodes(ids: ["agt_00000000000000000000000000"]) { id } }',
  '{ apiKeys { nodes { id } } }',
  'mutation { createSpace(input: { name: "x" }) { errors { code } } }',
  'mutation { removeMember(input: { id: "mem_none" }) { errors { code } } }',
  'mutation { revokeApiKey(input: { id: "key_none" }) { errors { code } } }',
  '{ workspaces { nodes { id seatCount } } }',
])('%s asks which one', async (query) => {
  const { status, errors } = await ask(query)
  expect(status).toBe(200)
  expect(errors.length).toBeGreaterThan(0)
  for (const { message, extensions } of errors) {
    expect(message).toContain('X-Workspace-Id')
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: ['X-Workspace-Id'] })
  }
})

// An owner's rights here tell nothing of a workspace where the same person is a plain member.
test('what a workspace tells by right is told of the named one alone', async () => {
  const query = '{ workspaces { nodes { id name seatCount keyLimit apiKeyCount } } }'
  const { data, errors } = await ask(query, first.id)
  const byId = Object.fromEntries(data.workspaces.nodes.map((node: any) => [node.id, node]))
  expect(byId[first.id]).toMatchObject({ seatCount: 3, keyLimit: null, apiKeyCount: 1 })
  expect(byId[second.id]).toMatchObject({ seatCount: null, keyLimit: null, apiKeyCount: null })
  expect(errors.map(({ extensions }) => extensions.code)).toEqual(Array(3).fill('BAD_USER_INPUT'))
})

test('nothing of one workspace is within reach in the other', async () => {
  const space = await seed(signIn.world, first.secret).space({ name: 'in the first' })
  const query = `{ space(id: "${space}") { id } }`
  expect((await ask(query, first.id)).data.space).toEqual({ id: space })
  expect((await ask(query, second.id)).data.space).toBeNull()
})
