import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { done } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import {
  beginSession,
  type Content,
  createStage,
  deleteDocument,
  download,
  filesIn,
  refusalOf,
  type Stage,
  upload,
  uploaded,
} from './ask.ts'

const maxBytes = 100_000
const maxCount = 5

let stage: Stage

useWorld({ documents: { maxBytes, maxCount } })

const fresh = async (): Promise<Stage> => createStage(world)
const rows = (sessionId: string) => world.deps.prisma.document.count({ where: { sessionId } })
const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')

// Browsers encode quotation marks in the names of files (HTML, multipart form data).
test.each(['a"b.txt', '"".txt', '50% off.txt', "it's.txt", 'a;b=c.txt', '文档.txt'])(
  'a file keeps its name: %s',
  async (name) => {
    const { workspace, session } = await fresh()
    const document = await uploaded(world, workspace.secret, session, 'text', name)
    expect(document.name).toBe(name)
  },
)

test('a document is what was sent: its bytes, its hash, and the type that its content shows', async () => {
  stage = await fresh()
  const { workspace, session } = stage
  const content = 'Grüße\nan alle'
  const document = await uploaded(world, workspace.secret, session, content, 'Größe 1.txt')
  expect(document).toEqual({
    id: expect.stringMatching(/^doc_/),
    name: 'Größe 1.txt',
    mediaType: 'text/plain',
    bytes: Buffer.byteLength(content),
    sha256: createHash('sha256').update(content).digest('hex'),
    url: `http://latchkey.test/documents/${document.id}`,
    createdById: workspace.ownerId,
    session: { id: session },
  })
  const answer = await download(world, workspace.secret, document.id)
  expect(await answer.text()).toBe(content)
  const { data } = await world.gql(
    workspace.secret,
    `{ document(id: "${document.id}") { id name createdBy { id } }
      session(id: "${session}") { documents { id } documentLimits { maxCount maxBytes mediaTypes } } }`,
  )
  expect(data).toEqual({
    document: { id: document.id, name: 'Größe 1.txt', createdBy: { id: workspace.ownerId } },
    session: {
      documents: [{ id: document.id }],
      documentLimits: {
        maxCount,
        maxBytes,
        mediaTypes: [
          'application/pdf',
          'image/gif',
          'image/jpeg',
          'image/png',
          'image/webp',
          'text/plain',
        ],
      },
    },
  })
})

const contents: [string, Content, string][] = [
  ['a PNG that is called text', png, 'image/png'],
  ['a PDF', '%PDF-1.7\n', 'application/pdf'],
  ['a GIF', 'GIF89a\0', 'image/gif'],
  ['a JPEG', Buffer.from('ffd8ffe0', 'hex'), 'image/jpeg'],
  ['a WebP', Buffer.from('RIFF\x10\0\0\0WEBPVP8 ', 'latin1'), 'image/webp'],
  ['a page of HTML', '<!doctype html><script>alert(1)</script>', 'text/plain'],
  ['a picture that is a program', '<svg xmlns="http://www.w3.org/2000/svg"/>', 'text/plain'],
  ['text with a mark of its order', '\ufefftext', 'text/plain'],
]

test.each(contents)('%s is taken for what it is', async (_, content, mediaType) => {
  const { workspace, session } = await fresh()
  const document = await uploaded(world, workspace.secret, session, content)
  expect(document.mediaType).toBe(mediaType)
})

const refused: [string, Content, string][] = [
  ['nothing', '', 'a.txt'],
  ['one byte too many', 'x'.repeat(maxBytes + 1), 'a.txt'],
  ['many bytes too many', 'x'.repeat(10 * maxBytes), 'a.txt'],
  ['an archive that is called text', Buffer.from('504b0304140000000800', 'hex'), 'a.txt'],
  ['a program that is called a PDF', Buffer.from('7f454c4602010100', 'hex'), 'a.pdf'],
  ['text with a NUL', 'a\0b', 'a.txt'],
  ['text that ends within a character', Buffer.from('Grü').subarray(0, 3), 'a.txt'],
  ['text with a broken byte far behind', Buffer.concat([Buffer.alloc(90_000, 'x'), png]), 'a.txt'],
  ['text that turns the terminal', 'a\u001b[31m', 'a.txt'],
  ['a name that leads upwards', 'text', '../../etc/passwd'],
  ['a name that leads upwards on Windows', 'text', '..\\..\\boot.ini'],
  ['a name that is the folder above', 'text', '..'],
  ['a name with a folder', 'text', 'a/b.txt'],
  ['a name with a control character', 'text', 'a\u0007.txt'],
  ['a name with a NUL', 'text', 'a\0.txt'],
  ['a name that turns its end around', 'text', 'a\u202etxt.exe'],
  ['a name of blanks', 'text', '  '],
  ['a name of 256 bytes', 'text', `${'a'.repeat(252)}.txt`],
  ['a name of 64 characters, and 256 bytes', 'text', '😀'.repeat(64)],
]

test.each(refused)('%s is refused, and leaves nothing', async (_, content, name) => {
  const { workspace, session } = await fresh()
  const before = await filesIn(world.documentsFolder)
  const answer = await upload(world, workspace.secret, session, content, name)
  expect(answer.data.uploadDocument).toEqual({
    document: null,
    errors: [{ code: 'INVALID', message: expect.any(String), path: ['input', 'file'] }],
  })
  expect(await rows(session)).toBe(0)
  expect(await filesIn(world.documentsFolder)).toEqual(before)
})

test('a file can be read once: of two fields that name it, one has it', async () => {
  const { workspace, session } = await fresh()
  const field = `uploadDocument(input: { sessionId: "${session}", file: $file }) { errors { code message } }`
  const query = `mutation ($file: File!) { a: ${field} b: ${field} }`
  const { data, errors } = await world.gql(workspace.secret, query)
  expect(errors).toEqual([])
  const message = 'A file can be used by one field only.'
  expect(data).toEqual({ a: { errors: [] }, b: { errors: [{ code: 'INVALID', message }] } })
  expect(await rows(session)).toBe(1)
})

// Its name is told in a header, where each byte may become three: proxies take no more than 4 KiB.
test('a name of 255 bytes is taken, and told in a header of usual size', async () => {
  const { workspace, session } = await fresh()
  const name = `${'😀'.repeat(63)}abc`
  const document = await uploaded(world, workspace.secret, session, 'text', name)
  expect(document.name).toBe(name)
  const { headers } = await download(world, workspace.secret, document.id)
  const lines = [...headers].map(([header, value]) => `${header}: ${value}\r\n`)
  expect(Buffer.byteLength(lines.join(''))).toBeLessThan(3_000)
})

test('a document of exactly the limit is taken', async () => {
  const { workspace, session } = await fresh()
  const document = await uploaded(world, workspace.secret, session, 'x'.repeat(maxBytes))
  expect(document.bytes).toBe(maxBytes)
})

test('a session takes so many documents and no more, and one more after a deletion', async () => {
  const { workspace, session } = await fresh()
  const documents = []
  for (let i = 0; i < maxCount; i++)
    documents.push(await uploaded(world, workspace.secret, session, `text ${i}`))
  const refusal = await upload(world, workspace.secret, session, 'one more')
  expect(refusal.data.uploadDocument.errors).toEqual([
    { code: 'LIMIT_REACHED', message: expect.any(String), path: ['input', 'sessionId'] },
  ])
  await deleteDocument(world, workspace.secret, documents[0].id)
  await uploaded(world, workspace.secret, session, 'one more')
})

test('of 20 uploads at once exactly as many as the limit are taken', async () => {
  const { workspace, session } = await fresh()
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => upload(world, workspace.secret, session, `text ${i}`)),
  )
  const taken = answers.filter(({ data }) => data.uploadDocument.document !== null)
  expect(taken).toHaveLength(maxCount)
  for (const answer of answers)
    if (!taken.includes(answer)) expect(refusalOf(answer)).toEqual(['LIMIT_REACHED'])
  expect(await rows(session)).toBe(maxCount)
  expect(await filesIn(join(world.documentsFolder, workspace.id))).toHaveLength(maxCount)
})

test('a terminated session takes no document, and gives those that it has', async () => {
  const { workspace, session } = await fresh()
  const document = await uploaded(world, workspace.secret, session, 'text')
  await done(world, workspace.secret, 'terminateSession', 'session { id }', { id: session })
  const answer = await upload(world, workspace.secret, session, 'more')
  expect(answer.data.uploadDocument.errors).toEqual([
    { code: 'WRONG_STATE', message: expect.any(String), path: ['input', 'sessionId'] },
  ])
  expect((await download(world, workspace.secret, document.id)).status).toBe(200)
})

test('a session whose agent is deleted takes no document, and gives those that it has', async () => {
  const { workspace, session, agent } = await fresh()
  const document = await uploaded(world, workspace.secret, session, 'text')
  await done(world, workspace.secret, 'deleteAgent', 'deletedId', { id: agent })
  const answer = await upload(world, workspace.secret, session, 'more')
  expect(answer.data.uploadDocument.errors).toMatchObject([
    { code: 'NOT_FOUND', path: ['input', 'sessionId'] },
  ])
  expect((await download(world, workspace.secret, document.id)).status).toBe(200)
})

test('a file where none belongs is refused with a word, and nothing of the server is shown', async () => {
  const { workspace } = await fresh()
  const { errors } = await world.gql(
    workspace.secret,
    'query ($id: ID!) { document(id: $id) { id } }',
    { id: new File(['text'], 'secret name.txt') },
  )
  expect(errors.map(({ message }) => message)).toEqual([
    'Variable "$id" got invalid value null; ID cannot represent value: null',
  ])
})

test('documents of the same content go one by one', async () => {
  const { workspace, session, agent } = await fresh()
  const other = await beginSession(world, workspace.secret, agent)
  const one = await uploaded(world, workspace.secret, session, 'the same', 'a.txt')
  const two = await uploaded(world, workspace.secret, other, 'the same', 'b.txt')
  const files = () => filesIn(join(world.documentsFolder, workspace.id))
  expect(one.sha256).toBe(two.sha256)
  expect(await files()).toHaveLength(2)
  const first = await deleteDocument(world, workspace.secret, one.id)
  expect(first.data.deleteDocument).toEqual({ deletedId: one.id, errors: [] })
  expect(await files()).toEqual([`${two.sha256}-${two.id}`])
  expect(await (await download(world, workspace.secret, two.id)).text()).toBe('the same')
  const again = await deleteDocument(world, workspace.secret, one.id)
  expect(again.data.deleteDocument).toEqual({
    deletedId: null,
    errors: [{ code: 'NOT_FOUND', path: ['input', 'id'] }],
  })
  await deleteDocument(world, workspace.secret, two.id)
  expect(await files()).toEqual([])
  expect((await download(world, workspace.secret, two.id)).status).toBe(404)
})
