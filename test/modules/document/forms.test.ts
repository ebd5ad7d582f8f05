import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { useWorld, world } from '../../setup/use-world.ts'
import { createStage, filesIn, type Stage, uploadQuery } from './ask.ts'

let stage: Stage

useWorld()
beforeEach(async () => {
  stage = await createStage(world)
})

const part = (header: string, content: string): string =>
  `--b\r\nContent-Disposition: form-data; ${header}\r\n\r\n${content}\r\n`

const operation = (more: object = {}) => ({
  query: uploadQuery,
  variables: { sessionId: stage.session, file: null },
  ...more,
})
const operations = (value: unknown = operation()): string =>
  part('name="operations"', JSON.stringify(value))
const map = (text = '{"f":["variables.file"]}'): string => part('name="map"', text)
const file = (name = 'f', content = 'text'): string =>
  part(`name="${name}"; filename="a.txt"`, content)
const end = '--b--\r\n'
const empty = '--b\r\n\r\n\r\n'

async function send(body: BodyInit): Promise<{ status: number; answer: any }> {
  const init = {
    method: 'POST',
    headers: {
      authorization: `Bearer ${stage.workspace.secret}`,
      'content-type': 'multipart/form-data; boundary=b',
    },
    body,
    duplex: 'half',
  }
  const response = await world.app.fetch(new Request('http://latchkey.test/graphql', init))
  return { status: response.status, answer: await response.json() }
}

/** That nothing is left of an upload: neither a row nor a file. */
async function expectNothing(): Promise<void> {
  expect(await world.deps.prisma.document.count({ where: { sessionId: stage.session } })).toBe(0)
  expect(await filesIn(join(world.documentsFolder, stage.workspace.id))).toEqual([])
  expect(await filesIn(join(world.documentsFolder, 'incoming'))).toEqual([])
}

const parts = 'The form must be operations, map and one file, each once, and no more.'
const broken = 'The form broke off, or is none.'
const noFile = 'The form has no file behind operations and map.'
const noOperations = 'The form must have operations, an object of JSON, before the file.'
const noMap = 'The form must have map, an object of JSON, before the file.'
const oneFile = 'map must name the one file of the form, and one place for it.'
const noNull = 'map must lead to a null in operations.'

const refused: [string, string, () => string][] = [
  ['no form at all', broken, () => 'hello'],
  ['no part', noFile, () => end],
  ['no file', noFile, () => operations() + map('{}') + end],
  ['a file before its operation', noOperations, () => file() + operations() + map() + end],
  ['a file before its map', noMap, () => operations() + file() + map() + end],
  ['a field of another name first', parts, () => part('name="x"', '1') + operations() + file()],
  ['a field of another name', parts, () => operations() + part('name="x"', '1') + file()],
  ['two operations', parts, () => operations({ query: '{ bad }' }) + operations() + file()],
  ['a part that is nothing', parts, () => operations() + map() + empty + file() + end],
  ['a map that is none', noMap, () => operations() + map('[') + file() + end],
  [
    'a map without the file',
    oneFile,
    () => operations() + map('{"g":["variables.file"]}') + file(),
  ],
  [
    'a map of two places',
    oneFile,
    () => operations() + map('{"f":["variables.file","a"]}') + file(),
  ],
  ['a map to nowhere', noNull, () => operations() + map('{"f":["variables.none.here"]}') + file()],
  [
    'a map to a prototype',
    noNull,
    () =>
      operations(operation({ variables: { x: null } })) +
      map('{"f":["variables.__proto__.x"]}') +
      file(),
  ],
  [
    'a map to a place that is no variable',
    'map must lead to a place among the variables.',
    () =>
      operations(operation({ extensions: { file: null } })) +
      map('{"f":["extensions.file"]}') +
      file(),
  ],
  ['a map to a value', noNull, () => operations() + map('{"f":["variables.sessionId"]}') + file()],
  [
    'several operations',
    'map must lead to a place among the variables.',
    () => operations([operation()]) + map('{"f":["0.variables.file"]}') + file(),
  ],
  [
    'operations that are too long',
    'operations is too long.',
    () => operations({ query: 'x'.repeat(1_048_577) }) + map() + file() + end,
  ],
  [
    'a field behind the file',
    parts,
    () => operations() + map() + file() + part('name="x"', '1') + end,
  ],
  ['a file behind the file', parts, () => operations() + map() + file() + file('g') + end],
  ['operations behind the file', parts, () => operations() + map() + file() + operations() + end],
  [
    'a part that is nothing behind the file',
    parts,
    () => operations() + map() + file() + empty + end,
  ],
]

test.each(refused)('a form with %s is refused, and leaves nothing', async (_, message, form) => {
  const { status, answer } = await send(form())
  expect([status, answer.errors]).toMatchObject([
    400,
    [{ message, extensions: { code: 'BAD_REQUEST' } }],
  ])
  await expectNothing()
})

test.each([
  ['within the file', () => `${operations()}${map()}${file().slice(0, -3)}`],
  ['behind the file', () => operations() + map() + file()],
  ['in its last boundary', () => `${operations()}${map()}${file()}--b`],
])('a form that breaks off %s leaves nothing', async (_, form) => {
  const { status, answer } = await send(form())
  expect(status).toBe(400)
  expect(answer.errors).toMatchObject([{ message: broken, extensions: { code: 'BAD_REQUEST' } }])
  await expectNothing()
})

test('what is behind the end of a form is none of it', async () => {
  const { answer } = await send(`before${'\r\n'}${operations()}${map()}${file()}${end}behind`)
  expect(answer.data.uploadDocument).toMatchObject({ document: { bytes: 4 }, errors: [] })
})

test.each([
  ['with the name of a file', '; filename="blob"\r\nContent-Type: application/json', ''],
  ['with a byte order mark', '', '\uFEFF'],
])('operations and map %s are read', async (_, more, mark) => {
  const fields =
    part(`name="operations"${more}`, mark + JSON.stringify(operation())) +
    part(`name="map"${more}`, `${mark}{"f":["variables.file"]}`)
  const { answer } = await send(fields + file() + end)
  expect(answer.data.uploadDocument).toMatchObject({ document: { bytes: 4 }, errors: [] })
})

// As .NET and Spring send it.
test('of two forms of a name the extended one counts', async () => {
  const name = `filename="=?utf-8?B?bmHDr3ZlLnR4dA==?="; filename*=utf-8''na%C3%AFve.txt`
  const { answer } = await send(operations() + map() + part(`name="f"; ${name}`, 'text') + end)
  expect(answer.data.uploadDocument).toMatchObject({ document: { name: 'naïve.txt' }, errors: [] })
})

/** A body that goes on for ever after its beginning, until the test ends. */
function endless(beginning: string, piece: string): ReadableStream {
  let isOver = false
  onTestFinished(() => {
    isOver = true
  })
  const next = Buffer.from(piece.repeat(1_000))
  let sent = Buffer.from(beginning)
  return new ReadableStream({
    async pull(controller) {
      await new Promise(setImmediate)
      if (isOver) return controller.close()
      controller.enqueue(sent)
      sent = next
    },
  })
}

// Each part costs as much as many bytes of a file do.
test.each([
  ['before its fields', () => ''],
  ['before its file', () => operations() + map()],
  ['behind its file', () => operations() + map() + file()],
])('a form is refused at its fourth part, %s, however many there are', async (_, beginning) => {
  const { status, answer } = await send(endless(beginning(), empty))
  expect([status, answer.errors[0].message]).toEqual([400, parts])
  await expectNothing()
})

test('what comes before the file has the time of any other request', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const isRead = Promise.withResolvers<void>()
  const body = new ReadableStream(
    {
      async pull(controller) {
        controller.enqueue(Buffer.from('--b\r\n'))
        isRead.resolve()
        await new Promise(() => undefined)
      },
    },
    // It is asked for once somebody reads, and no sooner.
    { highWaterMark: 0 },
  )
  const answered = send(body)
  await isRead.promise
  await vi.advanceTimersByTimeAsync(30_000)
  const { status, answer } = await answered
  expect([status, answer.errors[0].message]).toEqual([408, 'operations and map took too long.'])
})
