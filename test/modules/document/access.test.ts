import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { done } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import {
  beginSession,
  createStage,
  deleteDocument,
  download,
  filesIn,
  refusalOf,
  type Stage,
  upload,
  uploaded,
} from './ask.ts'
import { beginUpload } from './slow-upload.ts'

const reading = ['agents:read', 'sessions:read', 'documents:read']

let stage: Stage

useWorld({ documents: { maxCount: 3 } })
beforeEach(async () => {
  stage = await createStage(world)
})

const keyWith = (name: string, permissions: readonly string[], more: object = {}) =>
  stage.make.key({ name, permissions, spaces: [{ spaceId: stage.space }], ...more })

const filesOf = ({ workspace }: Stage) => filesIn(join(world.documentsFolder, workspace.id))

test('each permission on documents opens exactly its operation', async () => {
  const { workspace, session } = stage
  const document = await uploaded(world, workspace.secret, session, 'text')
  const read = await keyWith('read', reading)
  const write = await keyWith('upload', [...reading, 'documents:upload'])
  const remove = await keyWith('delete', [...reading, 'documents:delete'])
  for (const { secret } of [read, write, remove])
    expect((await download(world, secret, document.id)).status).toBe(200)
  for (const { secret } of [read, remove])
    expect(refusalOf(await upload(world, secret, session, 'more'))).toEqual(['FORBIDDEN'])
  await uploaded(world, write.secret, session, 'more')
  for (const { secret } of [read, write]) {
    const { errors } = await deleteDocument(world, secret, document.id)
    expect(errors[0]?.extensions).toMatchObject({
      code: 'FORBIDDEN',
      missingPermissions: ['documents:delete'],
    })
  }
  const { data } = await deleteDocument(world, remove.secret, document.id)
  expect(data.deleteDocument.deletedId).toBe(document.id)
})

// Unanimity: an agent in two spaces asks for the permission in both.
test('what is held in one of two spaces of the agent is not enough', async () => {
  const { workspace, make, space } = stage
  const other = await make.space({ name: 'other' })
  const both = await make.agent({ name: 'both', spaceIds: [space, other] })
  const session = await beginSession(world, workspace.secret, both)
  const document = await uploaded(world, workspace.secret, session, 'text')
  const permissions = [...reading, 'documents:upload', 'documents:delete']
  const one = await keyWith('one', permissions)
  expect(refusalOf(await upload(world, one.secret, session, 'more'))).toEqual(['NOT_FOUND'])
  expect((await deleteDocument(world, one.secret, document.id)).data.deleteDocument.errors).toEqual(
    [{ code: 'NOT_FOUND', path: ['input', 'id'] }],
  )
  const narrowed = await keyWith('narrowed', permissions, {
    spaces: [{ spaceId: space }, { spaceId: other, permissions: reading }],
  })
  expect((await download(world, narrowed.secret, document.id)).status).toBe(200)
  expect(refusalOf(await upload(world, narrowed.secret, session, 'more'))).toEqual(['FORBIDDEN'])
  const { errors } = await deleteDocument(world, narrowed.secret, document.id)
  expect(errors[0]?.extensions.code).toBe('FORBIDDEN')
  expect(await filesOf(stage)).toEqual([`${document.sha256}-${document.id}`])
})

test('a MEMBER has the documents of their own sessions, and no others', async () => {
  const { workspace, make, session, space, agent } = stage
  const theirs = await uploaded(world, workspace.secret, session, 'text')
  const { userId } = await make.machine({ name: 'member', role: 'MEMBER', spaceIds: [space] })
  const { secret } = await keyWith('member', ['agents:*', 'sessions:*', 'documents:*'], {
    ownerId: userId,
  })
  const own = await beginSession(world, secret, agent)
  const document = await uploaded(world, secret, own, 'text')
  expect(document.createdById).toBe(userId)
  expect(refusalOf(await upload(world, secret, session, 'more'))).toEqual(['NOT_FOUND'])
  const ask = `query ($id: ID!) { document(id: $id) { id } }`
  expect((await world.gql(secret, ask, { id: theirs.id })).data.document).toBeNull()
  expect((await world.gql(secret, ask, { id: document.id })).data.document).not.toBeNull()
  expect((await deleteDocument(world, secret, theirs.id)).data.deleteDocument.deletedId).toBeNull()
  expect((await world.gql(workspace.secret, ask, { id: document.id })).data.document).not.toBeNull()
})

test('two workspaces with the same content have it apart', async () => {
  const other = await createStage(world)
  const mine = await uploaded(world, stage.workspace.secret, stage.session, 'the same')
  const theirs = await uploaded(world, other.workspace.secret, other.session, 'the same')
  await deleteDocument(world, stage.workspace.secret, mine.id)
  expect(await filesOf(stage)).toEqual([])
  expect(await (await download(world, other.workspace.secret, theirs.id)).text()).toBe('the same')
})

const changes: [
  string,
  (secret: string, keyId: string, userId: string) => Promise<unknown>,
  string,
][] = [
  [
    'whose key is revoked',
    (owner, id) => done(world, owner, 'revokeApiKey', 'revokedCount', { id }),
    'UNAUTHENTICATED',
  ],
  [
    'whose key is narrowed',
    (owner, id) =>
      done(world, owner, 'updateApiKey', 'apiKey { id }', { id, permissions: reading }),
    'FORBIDDEN',
  ],
  [
    'whose user is removed',
    (owner, _, id) => done(world, owner, 'removeMember', 'revokedKeyCount', { id }),
    'UNAUTHENTICATED',
  ],
  [
    'whose session is terminated',
    (owner) => done(world, owner, 'terminateSession', 'session { id }', { id: stage.session }),
    'WRONG_STATE',
  ],
  [
    'whose space is deleted',
    (owner) => done(world, owner, 'deleteSpace', 'deletedId', { id: stage.space }),
    'NOT_FOUND',
  ],
]

test.each(changes)(
  'an upload %s while it arrives leaves no file and no row',
  async (_, end, code) => {
    const { workspace, make, space, session } = stage
    const machine = await make.machine({ name: 'builder', role: 'BUILDER', spaceIds: [space] })
    const permissions = [...reading, 'documents:upload']
    const key = await keyWith('builder', permissions, { ownerId: machine.userId })
    const slow = await beginUpload(world, key.secret, session, 'the end')
    await end(workspace.secret, key.id, machine.id)
    expect(refusalOf(await slow.finish())).toEqual([code])
    expect(await world.deps.prisma.document.count({ where: { sessionId: session } })).toBe(0)
    expect(await filesOf(stage)).toEqual([])
    expect(await filesIn(join(world.documentsFolder, 'incoming'))).toEqual([])
  },
)

test('no lock is held while an upload arrives', async () => {
  const { workspace, session, make } = stage
  const slow = await beginUpload(world, workspace.secret, session, 'the end')
  await make.space({ name: 'meanwhile' })
  await uploaded(world, workspace.secret, session, 'meanwhile')
  const { data, errors } = await slow.finish()
  expect([data.uploadDocument.errors, errors]).toEqual([[], undefined])
  expect(data.uploadDocument.document.bytes).toBe(200_007)
})

test('uploads that began below the limit do not pass it', async () => {
  const { workspace, session } = stage
  const slow = []
  for (let i = 0; i < 5; i++)
    slow.push(await beginUpload(world, workspace.secret, session, `end ${i}`))
  const answers = await Promise.all(slow.map(({ finish }) => finish()))
  expect(answers.flatMap(({ data }) => data.uploadDocument.errors)).toMatchObject([
    { code: 'LIMIT_REACHED' },
    { code: 'LIMIT_REACHED' },
  ])
  expect(await filesOf(stage)).toHaveLength(3)
})

// Each is a file on the disk and a request that is kept: nobody has all that there is room for.
test('of files that are arriving a user has at most 10, a workspace 20, and others as many', async () => {
  const { workspace, make, space, session } = stage
  const builder = async (name: string): Promise<string> => {
    const machine = await make.machine({ name, role: 'BUILDER', spaceIds: [space] })
    const permissions = [...reading, 'documents:upload']
    return (await keyWith(name, permissions, { ownerId: machine.userId })).secret
  }
  const [first, second, third] = [await builder('1'), await builder('2'), await builder('3')]
  const refusalTo = async (secret: string) =>
    (await upload(world, secret, session, 'one more')).data.uploadDocument.errors
  const full = (message: string) => [{ code: 'LIMIT_REACHED', message, path: ['input', 'file'] }]
  const slow = []
  for (const secret of [first, second]) {
    for (let i = 0; i < 10; i++) slow.push(await beginUpload(world, secret, session, `end ${i}`))
    expect(await refusalTo(secret)).toEqual(full('At most 10 files of a user arrive at once.'))
  }
  expect(await refusalTo(third)).toEqual(full('At most 20 files of a workspace arrive at once.'))
  const other = await createStage(world)
  await uploaded(world, other.workspace.secret, other.session, 'text')
  const answers = await Promise.all(slow.map(({ finish }) => finish()))
  const taken = answers.filter(({ data }) => data.uploadDocument.document !== null)
  expect(taken).toHaveLength(3)
  // There is room again.
  await deleteDocument(world, workspace.secret, taken[0].data.uploadDocument.document.id)
  await uploaded(world, first, session, 'one more')
})
