import { mkdir, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { watchOrphanedBlobs } from '../../../src/modules/document/orphaned-blobs.ts'
import { createFolder } from '../../process/program.ts'
import { createWorld, type World, type WorldOptions } from '../../setup/world.ts'
import { createStage, deleteDocument, filesIn, refusalOf, upload, uploaded } from './ask.ts'
import { beginUpload } from './slow-upload.ts'

/** A world that is closed with the test, however it ends. */
async function openWorld(options?: WorldOptions): Promise<World> {
  const world = await createWorld(options)
  onTestFinished(() => world.close())
  return world
}

test('where nothing can be written an upload is 503, and nobody is told where that is', async () => {
  const path = join(await createFolder(), 'file')
  await writeFile(path, '')
  const full = await openWorld({ documents: { location: { folder: path } } })
  const { workspace, session } = await createStage(full)
  const answer = await upload(full, workspace.secret, session, 'text')
  expect([answer.status, refusalOf(answer)]).toEqual([503, ['SERVICE_UNAVAILABLE']])
  expect(JSON.stringify(answer)).not.toContain(path)
  expect(full.logs.join('')).toContain('ENOTDIR')
})

test('what a server that died has left of uploads goes, and what another one is writing stays', async () => {
  const folder = await createFolder()
  const incoming = join(folder, 'incoming')
  await mkdir(incoming, { recursive: true })
  await writeFile(join(incoming, 'left'), 'x')
  const hoursAgo = new Date(Date.now() - 2 * 3_600_000)
  await utimes(join(incoming, 'left'), hoursAgo, hoursAgo)
  await writeFile(join(incoming, 'being written'), 'x')
  const world = await openWorld({ documents: { location: { folder } } })
  const { workspace, session } = await createStage(world)
  await uploaded(world, workspace.secret, session, 'text')
  await vi.waitFor(async () => expect(await filesIn(incoming)).toEqual(['being written']), {
    timeout: 10_000,
  })
})

// As long as it runs, and not only at its start.
test('an upload makes the folders that somebody has removed', async () => {
  const world = await openWorld()
  const { workspace, session } = await createStage(world)
  await uploaded(world, workspace.secret, session, 'text')
  await rm(world.documentsFolder, { recursive: true })
  await uploaded(world, workspace.secret, session, 'text')
})

test('a storage that closes waits until what was arriving is gone', async () => {
  const world = await openWorld()
  const { workspace, session } = await createStage(world)
  const slow = await beginUpload(world, workspace.secret, session, 'the end')
  const incoming = join(world.documentsFolder, 'incoming')
  expect(await filesIn(incoming)).toHaveLength(1)
  const answer = slow.finish()
  await world.deps.documents.storage.close()
  expect(await filesIn(incoming)).toEqual([])
  expect(refusalOf(await answer)).toEqual([])
})

test('nobody but the server reads what is stored', async () => {
  const world = await openWorld()
  const { workspace, session } = await createStage(world)
  const { id, sha256 } = await uploaded(world, workspace.secret, session, 'text')
  const modeOf = async (...path: string[]) =>
    (await stat(join(world.documentsFolder, ...path))).mode & 0o777
  expect(await modeOf(workspace.id, `${sha256}-${id}`)).toBe(0o600)
  for (const path of [[], ['incoming'], [workspace.id]]) expect(await modeOf(...path)).toBe(0o700)
})

test('a server looks now and then for what was not removed with its document', async () => {
  const world = await openWorld()
  const { workspace, session } = await createStage(world)
  const { id, sha256 } = await uploaded(world, workspace.secret, session, 'text')
  const path = join(world.documentsFolder, workspace.id, `${sha256}-${id}`)
  await rm(path)
  // It is none that can be removed like a file.
  await mkdir(path)
  await deleteDocument(world, workspace.secret, id)
  await rmdir(path)
  await writeFile(path, 'text')
  await world.deps.prisma.strayContent.updateMany({ data: { dueAt: new Date(0) } })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const watch = watchOrphanedBlobs(world.deps)
  onTestFinished(() => watch.close())
  vi.advanceTimersToNextTimer()
  // What it does then takes the time that it takes.
  vi.useRealTimers()
  await vi.waitFor(async () => expect(await filesIn(world.documentsFolder)).toEqual([]), {
    timeout: 10_000,
  })
})
