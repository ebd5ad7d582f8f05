import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { useWorld, world } from '../../setup/use-world.ts'
import { createStage, filesIn, type Stage, uploadQuery } from './ask.ts'

let stage: Stage

useWorld({ documents: { maxCount: 1_000 } })
beforeAll(async () => {
  stage = await createStage(world)
})

const part = (header: string, content: string): string =>
  `--b\r\nContent-Disposition: form-data; ${header}\r\n\r\n${content}\r\n`

const wholeForm = (): string => {
  const variables = { sessionId: stage.session, file: null }
  return [
    part('name="operations"', JSON.stringify({ query: uploadQuery, variables })),
    part('name="map"', '{"f":["variables.file"]}'),
    part('name="f"; filename="a.txt"', 'some text'),
    '--b--\r\n',
  ].join('')
}

const pieces = [
  ...['\r\n', '\n', '\r\n\r\n', '--b', '\r\n--b--', '--b\r\n', '"', ';', '\0', 'é', '{', ''],
  ...['Content-Disposition: form-data; name="operations"\r\n', "filename*=UTF-8''%ff"],
  'x'.repeat(70_000),
]

/** Where a form is broken, as a part of its length, how much of it goes, and what comes instead. */
const breaks = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60 }), fc.constant(100_000)),
    piece: fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3 })),
  }),
  { minLength: 1, maxLength: 3 },
)

const types = fc.oneof(
  { weight: 5, arbitrary: fc.constant('multipart/form-data; boundary=b') },
  fc.constantFrom('multipart/form-data', 'multipart/form-data; boundary=', 'Multipart/Form-Data;b'),
  fc.constant(`multipart/form-data; boundary=${'y'.repeat(300)}`),
)

test('whatever a form is broken into, it is answered, and no file is left behind', async () => {
  await fc.assert(
    fc.asyncProperty(breaks, types, async (changes, type) => {
      const form = changes.reduce((text, { at, removed, piece }) => {
        const place = Math.floor(at * text.length)
        return text.slice(0, place) + piece + text.slice(place + removed)
      }, wholeForm())
      const request = new Request('http://latchkey.test/graphql', {
        method: 'POST',
        headers: { authorization: `Bearer ${stage.workspace.secret}`, 'content-type': type },
        body: form,
      })
      const response = await world.app.fetch(request)
      expect([200, 400]).toContain(response.status)
      await response.json()
    }),
    { numRuns: 300 },
  )
  expect(await filesIn(join(world.documentsFolder, 'incoming'))).toEqual([])
  expect(world.logs.filter((line) => line.includes('"level":50'))).toEqual([])
})
