import { mkdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createFolder } from '../../process/program.ts'
import { createWorld } from '../../setup/world.ts'
import { createStage, filesIn, refusalOf, upload, uploaded } from './ask.ts'
import { beginUpload } from './slow-upload.ts'

test('where nothing can be written an upload is 503, and nobody is told where that is', async () => {
  const path = join(await createFolder(), 'file')
  await writeFile(path, '')
  const full = await createWorld({ documents: { location: { folder: path } } })
  const { workspace, session } = await createStage(full)
  const answer = await upload(full, workspace.secret, session, 'text')
  expect([answer.status, refusalOf(answer)]).toEqual([503, ['SERVICE_UNAVAILABLE']])
  expect(JSON.stringify(answer)).not.toContain(path)
  expect(full.logs.join('')).toContain('ENOTDIR')
  await full.close()
})

test('what a server that died has left of uploads goes, and what another one is writing stays', async () => {
  const folder = await createFolder()
  const incoming = join(folder, 'incoming')
  await mkdir(incoming, { recursive: true })
  await writeFile(join(incoming, 'left'), 'x')
  const hoursAgo = new Date(Date.now() - 2 * 3_600_000)
  await utimes(join(incoming, 'left'), hoursAgo, hoursAgo)
  await writeFile(join(incoming, 'being written'), 'x')
  const world = await createWorld({ documents: { location: { folder } } })
  const { workspace, session } = await createStage(world)
  await uploaded(world, workspace.secret, session, 'text')
  expect(await filesIn(incoming)).toEqual(['being written'])
  await world.close()
})

// As long as it runs, and not only at its start.
test('an upload makes the folders that somebody has removed', async () => {
  const world = await createWorld()
  const { workspace, session } = await createStage(world)
  await uploaded(world, workspace.secret, session, 'text')
  await rm(world.documentsFolder, { recursive: true })
  await uploaded(world, workspace.secret, session, 'text')
  await world.close()
})

test('a storage that closes waits until what was arriving is gone', async () => {
  const world = await createWorld()
  const { workspace, session } = await createStage(world)
  const slow = await beginUpload(world, workspace.secret, session, 'the end')
  const incoming = join(world.documentsFolder, 'incoming')
  expect(await filesIn(incoming)).toHaveLength(1)
  const answer = slow.finish()
  await world.deps.documents.storage.close()
  expect(await filesIn(incoming)).toEqual([])
  expect(refusalOf(await answer)).toEqual([])
  await world.close()
})

test('nobody but the server reads what is stored', async () => {
  const world = await createWorld()
  const { workspace, session } = await createStage(world)
  const { id, sha256 } = await uploaded(world, workspace.secret, session, 'text')
  const modeOf = async (...path: string[]) =>
    (await stat(join(world.documentsFolder, ...path))).mode & 0o777
  expect(await modeOf(workspace.id, `${sha256}-${id}`)).toBe(0o600)
  for (const path of [[], ['incoming'], [workspace.id]]) expect(await modeOf(...path)).toBe(0o700)
  await world.close()
})
