import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSignInWorld, type SignInWorld, whoIs } from '../../sign-in/sign-in-world.ts'
import { createStage, download, type Stage, upload, uploaded } from './ask.ts'

let signIn: SignInWorld
let stage: Stage
let other: Stage
let token: string
let document: any

beforeAll(async () => {
  signIn = await createSignInWorld()
  const { world, invite, person } = signIn
  stage = await createStage(world)
  other = await createStage(world)
  await invite(stage.workspace, 'both', 'ADMIN')
  await invite(other.workspace, 'both', 'MEMBER')
  token = await person('both')
  await whoIs(world, token)
  document = await uploaded(world, stage.workspace.secret, stage.session, 'text')
})
afterAll(() => signIn.close())

const downloadIn = (workspace: string | undefined, secret = token): Promise<Response> =>
  download(signIn.world, null, document.id, {
    headers: {
      authorization: `Bearer ${secret}`,
      ...(workspace !== undefined && { 'x-workspace-id': workspace }),
    },
  })

test('a person with several workspaces downloads from the one that they name', async () => {
  expect(await (await downloadIn(stage.workspace.id)).text()).toBe('text')
  expect((await downloadIn(other.workspace.slug)).status).toBe(404)
  const unnamed = await downloadIn(undefined)
  expect(unnamed.status).toBe(400)
  expect(await unnamed.json()).toMatchObject({
    errors: [{ extensions: { code: 'BAD_USER_INPUT', path: ['X-Workspace-Id'] } }],
  })
  const foreign = await downloadIn(other.workspace.id, stage.workspace.secret)
  expect(foreign.status).toBe(404)
  expect(await foreign.json()).toMatchObject({
    errors: [{ extensions: { code: 'WORKSPACE_NOT_FOUND' } }],
  })
})

test('a person who names no workspace uploads nothing', async () => {
  const answer = await upload(signIn.world, token, stage.session, 'more')
  expect(answer.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
  const where = { sessionId: stage.session }
  expect(await signIn.world.deps.prisma.document.count({ where })).toBe(1)
})
