import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../src/db/client.ts'
import { createStage, download, filesIn, refusalOf, upload } from '../modules/document/ask.ts'
import { unwatched } from '../setup/database.ts'
import { createPostgres } from '../setup/postgres.ts'
import { tcpProxy } from '../setup/tcp-proxy.ts'
import { createWorld } from '../setup/world.ts'

// Who is told of a failure may have a document nevertheless, and then it has its content.
test('a document whose commit was done and never answered keeps its content', async () => {
  const server = await createPostgres('migrated')
  onTestFinished(() => server.drop())
  let step: 'watching' | 'inserted' | 'committing' | undefined
  const proxy = await tcpProxy(server.url, {
    asked: (piece) => {
      if (step === 'watching' && piece.includes('INSERT INTO "public"."Document"'))
        step = 'inserted'
      if (step === 'inserted' && piece.includes('COMMIT')) step = 'committing'
    },
    answered: (piece) => {
      if (step !== 'committing') return piece
      step = undefined
      return null
    },
  })
  onTestFinished(() => proxy.close())
  const database = await openDatabase({ databaseUrl: proxy.url, ...unwatched })
  const world = await createWorld({ database })
  onTestFinished(() => world.close())
  const { workspace, session } = await createStage(world)
  step = 'watching'
  const answer = await upload(world, workspace.secret, session, 'kept')
  expect([answer.status, refusalOf(answer)]).toEqual([503, ['SERVICE_UNAVAILABLE']])
  const document = await world.deps.prisma.document.findFirstOrThrow()
  expect(await filesIn(world.documentsFolder)).toEqual([`${document.sha256}-${document.id}`])
  expect(await (await download(world, workspace.secret, document.id)).text()).toBe('kept')
  expect(await world.deps.prisma.strayContent.count()).toBe(0)
})
