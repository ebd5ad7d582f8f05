import { beforeAll, expect, test } from 'vitest'
import { ask } from '../../examples/browser/api.ts'
import {
  CreateSpaceDocument,
  ListAgentsDocument,
  ListSpacesDocument,
} from '../../examples/browser/generated/operations.ts'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { serveExample } from './example-server.ts'

useWorkspace()
beforeAll(async () => {
  for (let index = 0; index < 21; index += 1)
    await seed(world, workspace.secret).space({ name: `Space ${index}` })
})

const connect = async (credential: string, settings: object = {}) => {
  const { url } = await serveExample(world)
  return { url: `${url}/graphql`, credential, ...settings }
}

test('the typed client pages by after', async () => {
  const to = await connect(workspace.secret, { workspace: workspace.slug })
  const first = await ask(to, ListSpacesDocument, {})
  expect(first.errors).toEqual([])
  expect(first.data?.spaces?.nodes).toHaveLength(20)
  const { endCursor: after = null, hasNextPage } = first.data?.spaces?.pageInfo ?? {}
  expect(hasNextPage).toBe(true)
  const second = await ask(to, ListSpacesDocument, { after })
  expect(second.data?.spaces?.nodes.map(({ name }) => name)).toEqual(['Space 0'])
  expect(second.data?.spaces?.pageInfo.hasNextPage).toBe(false)
})

test('the typed client gives expected failures as data, with code and path', async () => {
  const to = await connect(workspace.secret)
  const { data, errors } = await ask(to, CreateSpaceDocument, { input: { name: 'space 1' } })
  expect(errors).toEqual([])
  const problem = { code: 'NAME_TAKEN', path: ['input', 'name'], message: expect.any(String) }
  expect(data?.createSpace).toEqual({ space: null, errors: [problem] })
})

test.each([
  ['FORBIDDEN', () => seed(world, workspace.secret).key({ name: 'Weak', permissions: [] })],
  ['UNAUTHENTICATED', async () => ({ secret: 'nonsense' })],
])('the typed client gives %s with its requestId', async (code, credential) => {
  const { secret } = await credential()
  const { data, errors } = await ask(await connect(secret), ListAgentsDocument, {})
  expect(data?.agents ?? null).toBeNull()
  const extensions = { code, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) }
  expect(errors).toMatchObject([{ message: expect.any(String), extensions }])
})

// By the types alone; that it compiles is the test.
test('the typed client refuses variables that the operation does not have', async () => {
  const to = await connect(workspace.secret)
  // @ts-expect-error A cursor is text.
  const { errors } = await ask(to, ListSpacesDocument, { after: 1 })
  expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
})
