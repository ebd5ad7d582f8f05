import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, expect, test } from 'vitest'
import { open, serve } from '../../http/listening.ts'
import { eventually } from '../../setup/eventually.ts'
import { done } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import { createStage, filesIn, type Stage, uploadQuery } from './ask.ts'

const maxBytes = 16_000_000
const boundary = 'xxBOUNDARYxx'

let stage: Stage

useWorld({ documents: { maxBytes } })
beforeEach(async () => {
  stage = await createStage(world)
})

const serveWorld = () =>
  serve(world.app.fetch, { maxBodyBytes: 1_048_576, maxUploadBytes: maxBytes + 1_048_576 })

const field = (name: string, value: string): string =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`

const operations = (): string =>
  JSON.stringify({ query: uploadQuery, variables: { sessionId: stage.session, file: null } })

/** A form up to where the file's content begins. */
const formHead = (filename = 'notes.txt', map = '{"f":["variables.file"]}'): string =>
  field('operations', operations()) +
  field('map', map) +
  `--${boundary}\r\nContent-Disposition: form-data; name="f"; filename="${filename}"\r\n\r\n`

const formEnd = `\r\n--${boundary}--\r\n`

const requestHead = (length: number | 'chunked', secret = stage.workspace.secret): string =>
  [
    'POST /graphql HTTP/1.1',
    'Host: latchkey.test',
    `Content-Type: multipart/form-data; boundary=${boundary}`,
    `Authorization: Bearer ${secret}`,
    length === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`,
    '',
    '',
  ].join('\r\n')

const chunked = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

const rows = () => world.deps.prisma.document.count({ where: { sessionId: stage.session } })

/** Sends a whole form, as it is, and gives the answer. */
async function send(form: string, length = Buffer.byteLength(form)): Promise<string> {
  const { port } = await serveWorld()
  const connection = await open(port)
  await connection.write(requestHead(length))
  await connection.write(form)
  await eventually(() => expect(connection.received()).toMatch(/\r\n\r\n.+/s))
  return connection.received()
}

test.each([
  ['of a declared length', 2_000_000],
  ['in chunks', 'chunked'],
] as const)('an upload %s that is cut leaves no file and no row', async (_, length) => {
  const { port, logged } = await serveWorld()
  const connection = await open(port)
  const encoded = length === 'chunked' ? chunked : (text: string) => text
  await connection.write(requestHead(length))
  await connection.write(encoded(`${formHead()}${'x'.repeat(500_000)}`))
  // It is being written.
  await eventually(async () => expect(await filesIn(world.documentsFolder)).toHaveLength(1))
  connection.socket.destroy()
  await eventually(async () => expect(await filesIn(world.documentsFolder)).toEqual([]))
  expect(await rows()).toBe(0)
  expect(logged).toEqual([])
  expect(world.logs.filter((line) => line.includes('"level":50'))).toEqual([])
})

test('a form that ends before its file does leaves no file and no row', async () => {
  const answer = await send(`${formHead()}some text without an end`)
  expect(answer).toMatch(/^HTTP\/1\.1 400 .*"code":"BAD_REQUEST"/s)
  expect(await filesIn(world.documentsFolder)).toEqual([])
  expect(await rows()).toBe(0)
})

test.each([
  ['a carriage return', 'a\rb.txt', 'BAD_REQUEST'],
  ['a control character', 'a\u0001b.txt', 'INVALID'],
  ['a NUL', 'a\0b.txt', 'INVALID'],
  ['the folder above', '../../a.txt', 'INVALID'],
  ['an absolute path', '/etc/passwd', 'INVALID'],
  ['no letter', '', 'INVALID'],
])('a file whose name has %s is never stored', async (_, name, code) => {
  const answer = await send(`${formHead(name)}text${formEnd}`)
  expect(answer).toContain(`"code":"${code}"`)
  expect(await rows()).toBe(0)
})

test('a whole form of the same make is taken', async () => {
  const answer = await send(`${formHead('größe.txt')}text${formEnd}`)
  expect(answer).toMatch(/^HTTP\/1\.1 200 .*"errors":\[\]/s)
  const document = await world.deps.prisma.document.findFirstOrThrow({
    where: { sessionId: stage.session },
  })
  expect(document).toMatchObject({ name: 'größe.txt', bytes: 4 })
})

test('who presents no credential, or a bad one, is answered before the file is sent', async () => {
  const { port } = await serveWorld()
  const head = requestHead(2_000_000)
  const bad = head.replace(stage.workspace.secret, 'lk_unknown')
  for (const text of [head.replace(/Authorization.*\r\n/, ''), bad]) {
    const connection = await open(port)
    await connection.write(text)
    await eventually(() => expect(connection.received()).toMatch(/^HTTP\/1\.1 401 /))
    // It is not kept open for a file that nobody waits for.
    await connection.gone
  }
})

test('what is too large is refused by its declared length alone', async () => {
  const { port } = await serveWorld()
  const connection = await open(port)
  await connection.write(requestHead(maxBytes + 1_048_577))
  await eventually(() => expect(connection.received()).toMatch(/^HTTP\/1\.1 413 /))
})

test('only the GraphQL endpoint takes so much, and only a form', async () => {
  const { port } = await serveWorld()
  const head = requestHead(maxBytes)
  for (const text of [
    head.replace('/graphql', '/verify'),
    head.replace('/graphql', '/graphql/x'),
    head.replace('multipart/form-data', 'application/json'),
  ]) {
    const connection = await open(port)
    await connection.write(text)
    await eventually(() => expect(connection.received()).toMatch(/^HTTP\/1\.1 413 /))
  }
})

/** Sends a file without saying how long it is, until it is answered. */
async function sendEndless(port: number): Promise<string> {
  const connection = await open(port)
  await connection.write(requestHead('chunked'))
  await connection.write(chunked(formHead()))
  const part = chunked('x'.repeat(1_000_000))
  while (connection.received() === '') {
    await connection.write(part)
    await sleep(1)
  }
  await connection.gone
  return connection.received()
}

test('a file of unknown length is refused where it passes the limit of a document', async () => {
  const before = await filesIn(world.documentsFolder)
  const { port } = await serve(world.app.fetch, { maxUploadBytes: 1_000_000_000 })
  expect(await sendEndless(port)).toMatch(/^HTTP\/1\.1 200 .*"code":"INVALID"/s)
  await eventually(async () => expect(await filesIn(world.documentsFolder)).toEqual(before))
})

test('a body of unknown length is refused where it passes that of an upload', async () => {
  const before = await filesIn(world.documentsFolder)
  const { port } = await serve(world.app.fetch, { maxUploadBytes: 3_000_000 })
  expect(await sendEndless(port)).toMatch(/^HTTP\/1\.1 413 .*"code":"BAD_REQUEST"/s)
  await eventually(async () => expect(await filesIn(world.documentsFolder)).toEqual(before))
})

// The permission is looked at before the content is: whoever may not upload does not fill the disk.
test('a refused upload is answered while its file is being sent, and stores nothing', async () => {
  const { make, space, session, workspace } = stage
  const reader = await make.key({
    name: 'reader',
    permissions: ['agents:read', 'sessions:read', 'documents:read'],
    spaces: [{ spaceId: space }],
  })
  const { port } = await serveWorld()
  const before = await filesIn(world.documentsFolder)
  for (const [secret, code] of [
    [reader.secret, 'FORBIDDEN'],
    [workspace.secret, 'WRONG_STATE'],
  ] as const) {
    if (code === 'WRONG_STATE')
      await done(world, secret, 'terminateSession', 'session { id }', { id: session })
    const connection = await open(port)
    await connection.write(requestHead(3_000_000, secret))
    await connection.write(`${formHead()}${'x'.repeat(200_000)}`)
    await eventually(() => expect(connection.received()).toContain(`"${code}"`))
    expect(await filesIn(world.documentsFolder)).toEqual(before)
    await connection.gone
  }
})

test('a client that sends all of a file that is refused sees the answer', async () => {
  const { url } = await serveWorld()
  const form = new FormData()
  form.set('operations', operations())
  form.set('map', '{"f":["variables.file"]}')
  form.set('f', new File(['x'.repeat(3_900_000)], '../x'))
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stage.workspace.secret}` },
    body: form,
  })
  const { data } = (await response.json()) as { data: any }
  expect(data.uploadDocument.errors).toMatchObject([{ code: 'INVALID' }])
})

test('the connection serves on after an upload', async () => {
  const { port } = await serveWorld()
  const form = `${formHead()}text${formEnd}`
  const connection = await open(port)
  for (let count = 1; count <= 3; count++) {
    await connection.write(requestHead(Buffer.byteLength(form)) + form)
    await eventually(() =>
      expect(connection.received().match(/HTTP\/1\.1 200 /g)).toHaveLength(count),
    )
  }
  expect(await rows()).toBe(3)
})
