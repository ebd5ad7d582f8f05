import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TextEncodingProbe } from '../../../src/input/text-encoding.ts'
import { type ChatEndpoint, createChatEndpoint } from '../../setup/chat-endpoint.ts'
import { done } from '../../setup/seed.ts'
import { createWorld, type World } from '../../setup/world.ts'
import { createStage, download, upload, uploaded } from './ask.ts'

let endpoint: ChatEndpoint
let world: World

beforeAll(async () => {
  endpoint = await createChatEndpoint()
  world = await createWorld({ runtime: { url: endpoint.url, model: 'house-model' } })
})
afterAll(async () => {
  await world.close()
  await endpoint.close()
})

type Bytes = Buffer<ArrayBuffer>

const utf16le = (text: string): Bytes => Buffer.from(text, 'utf16le')
const utf16be = (text: string): Bytes => utf16le(text).swap16()
const latin1 = (text: string): Bytes => Buffer.from(text, 'latin1')
const hex = (bytes: string): Bytes => Buffer.from(bytes.replaceAll(' ', ''), 'hex')

const mark = '\ufeff'
const lines = 'Grüße, 😀\r\nзавтра 明日'
const declared = (charset: string): string => `text/plain; charset=${charset}`
const plain = 'text/plain'

/** The text, its bytes, what they are declared as, and the media type of the document. */
const texts: [string, string, Bytes, string, string][] = [
  ['UTF-8', lines, Buffer.from(lines), '', plain],
  ['UTF-8 with a mark', lines, Buffer.from(mark + lines), '', plain],
  ['UTF-8, another declared', lines, Buffer.from(lines), declared('iso-8859-1'), plain],
  ['UTF-16 LE', lines, utf16le(mark + lines), '', declared('utf-16le')],
  ['UTF-16 BE', lines, utf16be(mark + lines), '', declared('utf-16be')],
  ['UTF-16, another declared', lines, utf16le(mark + lines), declared('x'), declared('utf-16le')],
  [
    'UTF-16 without a mark, declared',
    'Grüße',
    utf16be('Grüße'),
    declared('utf-16be'),
    declared('utf-16be'),
  ],
  [
    'Windows-1252',
    'Grüße – „50 €“',
    latin1('Gr\xfc\xdfe \x96 \x8450 \x80\x93'),
    '',
    declared('windows-1252'),
  ],
  [
    'Windows-1252, declared',
    'Þýð',
    latin1('Þýð'),
    declared('ISO-8859-1'),
    declared('windows-1252'),
  ],
  [
    'Windows-1251, declared',
    'завтра',
    hex('e7e0e2f2f0e0'),
    declared('"cp1251"'),
    declared('windows-1251'),
  ],
  ['Shift_JIS, declared', '明日', hex('96be 93fa'), declared('shift_jis'), declared('shift_jis')],
]

test.each(texts)(
  'uploadDocument: text in %s stays as it is, and the agent gets it',
  async (_, text, bytes, type, mediaType) => {
    const { workspace, session } = await createStage(world)
    const { secret } = workspace
    const document = await uploaded(world, secret, session, bytes, 'a.txt', type)
    expect(document).toMatchObject({
      mediaType,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    })
    const answer = await download(world, secret, document.id)
    expect(answer.headers.get('content-type')).toBe(
      mediaType === plain ? declared('utf-8') : mediaType,
    )
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes)
    const run = { sessionId: session, input: 'What does it say?' }
    await done(world, secret, 'runAgent', 'run { status }', run)
    expect(endpoint.requests.at(-1)?.body.messages[0]).toEqual({
      role: 'user',
      content: `The document "a.txt":\n\n${text}`,
    })
  },
)

const png = '89504e470d0a1a0a 0000000d49484452'

const noTexts: [string, Bytes, string][] = [
  ['UTF-16 without a mark', utf16le('Hello'), ''],
  ['a mark of UTF-16 and no more than a byte', hex('fffe 41'), ''],
  ['UTF-16 of an odd length', hex('fffe 4100 42'), ''],
  ['a high surrogate at the end', hex('fffe 4100 3dd8'), ''],
  ['a high surrogate within', hex('feff d83d 0041'), ''],
  ['a low surrogate', hex('fffe 00de 4100'), ''],
  ['a NUL in UTF-16', hex('fffe 4100 0000 4200'), ''],
  ['UTF-32', hex('fffe0000 41000000'), ''],
  ['a PNG behind a mark of UTF-16', hex(`fffe ${png}`), ''],
  ['a PNG behind the other mark', hex(`feff ${png}`), ''],
  ['a NUL in Windows-1252', latin1('Gr\xfc\xdfe\0'), declared('windows-1252')],
  ['a byte that Windows-1252 does not have', latin1('Gr\xfc\xdfe \x81'), declared('windows-1252')],
  ['UTF-8 that breaks off', Buffer.from('Grü').subarray(0, 3), ''],
  ['UTF-8 with a broken byte', Buffer.concat([Buffer.from('schöne Grüße'), hex('ff')]), ''],
  ['Windows-1251', hex('e7e0e2f2f0e0'), ''],
  ['Windows-1250', hex('bff3b374616b'), ''],
  ['Windows-1254', latin1('\xddstanbul da\xf0\xfd'), ''],
  ['Shift_JIS', hex('82b182f182c982bf82cd'), ''],
  ['Shift_JIS that breaks off', hex('96be 93'), declared('shift_jis')],
  ['Windows-1252, UTF-8 declared', latin1('été'), declared('utf-8')],
  ['a charset that nobody knows', hex('e7e0e2f2f0e0'), declared('utf-7')],
  ['a Content-Type that is none', hex('e7e0e2f2f0e0'), 'text; charset'],
]

test.each(noTexts)('uploadDocument: %s is refused', async (_, bytes, type) => {
  const { workspace, session } = await createStage(world)
  const answer = await upload(world, workspace.secret, session, bytes, 'a.txt', type)
  expect(answer.data.uploadDocument).toEqual({
    document: null,
    errors: [
      {
        code: 'INVALID',
        message: expect.stringMatching(/^A document is one of .*; save text as UTF-8/),
        path: ['input', 'file'],
      },
    ],
  })
})

// Where the network cuts a file is chance.
test.each([...texts.map(([name, , bytes, type]) => [name, bytes, type] as const), ...noTexts])(
  'the encoding is the same, however the bytes are cut: %s',
  (_, bytes, type) => {
    const charset = type.split('charset=')[1]?.replaceAll('"', '')
    const encodingOf = (size: number): string | undefined => {
      const probe = new TextEncodingProbe(charset)
      for (let at = 0; at < bytes.length; at += size) probe.add(bytes.subarray(at, at + size))
      return probe.end()
    }
    for (const size of [1, 2, 3]) expect(encodingOf(size)).toBe(encodingOf(bytes.length))
  },
)

// The text of a document far longer than a piece of the stream, with characters on every cut.
test('texts of other encodings are told up to the same length', async () => {
  const { workspace, session } = await createStage(world)
  const { secret } = workspace
  await uploaded(world, secret, session, utf16le(`${mark}${'a😀'.repeat(70_000)}`), 'a.txt')
  const run = { sessionId: session, input: 'What does it say?' }
  await done(world, secret, 'runAgent', 'run { status }', run)
  expect(endpoint.requests.at(-1)?.body.messages[0].content).toBe(
    `The document "a.txt" (its end is missing):\n\n${'a😀'.repeat(66_666)}a\ufffd`,
  )
})
