import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { useWorld, world } from '../../setup/use-world.ts'
import {
  beginSession,
  createStage,
  deleteDocument,
  filesIn,
  type Stage,
  upload,
  uploaded,
} from './ask.ts'
import { beginUpload } from './slow-upload.ts'

let stage: Stage

useWorld({ documents: { maxWorkspaceBytes: 1_000 } })
beforeEach(async () => {
  stage = await createStage(world)
})

const full = [
  {
    code: 'LIMIT_REACHED',
    message: 'The documents of a workspace have at most 1000 bytes together.',
    path: ['input', 'file'],
  },
]

test('the documents of a workspace have so many bytes together, in whatever session', async () => {
  const { workspace, session, agent } = stage
  const other = await beginSession(world, workspace.secret, agent)
  const first = await uploaded(world, workspace.secret, session, 'x'.repeat(600))
  const refused = await upload(world, workspace.secret, other, 'x'.repeat(401))
  expect(refused.data.uploadDocument).toEqual({ document: null, errors: full })
  await uploaded(world, workspace.secret, other, 'x'.repeat(400))
  // Nobody sends what there is no room for.
  const { finish } = await beginUpload(world, workspace.secret, session, '')
  expect((await finish()).data.uploadDocument.errors).toEqual(full)
  const elsewhere = await createStage(world)
  await uploaded(world, elsewhere.workspace.secret, elsewhere.session, 'x'.repeat(1_000))
  await deleteDocument(world, workspace.secret, first.id)
  await uploaded(world, workspace.secret, session, 'x'.repeat(600))
})

test('of 20 uploads at once no more are taken than there is room for', async () => {
  const { workspace, session, agent } = stage
  const sessions = [session, await beginSession(world, workspace.secret, agent)]
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      upload(world, workspace.secret, sessions[i % 2] ?? '', 'x'.repeat(150)),
    ),
  )
  const payloads = answers.map(({ data }) => data.uploadDocument)
  expect(payloads.filter(({ document }) => document !== null)).toHaveLength(6)
  for (const { document, errors } of payloads) if (document === null) expect(errors).toEqual(full)
  expect(await filesIn(join(world.documentsFolder, workspace.id))).toHaveLength(6)
})
