import { expect, test } from 'vitest'
import { UploadedFile } from '../../src/input/uploaded-file.ts'

async function* nothing(): AsyncGenerator<Uint8Array> {}

const charsetIn = (contentType: string): string | undefined =>
  new UploadedFile({ filename: 'a.txt', contentType }, nothing()).charset

test.each([
  [`filename="=?utf-8?B?bmHDr3ZlLnR4dA==?="; filename*=utf-8''na%C3%AFve.txt`, 'naïve.txt'],
  [`filename*=UTF-8'de'%E2%82%AC.txt; filename="x.txt"`, '€.txt'],
  [`filename="a; filename*=utf-8''b.txt"`, 'plain'],
  [`filename="a\\"; filename*=utf-8''b.txt"`, 'plain'],
  [`filename="x.txt"; filename*=utf-8''%E2%82`, 'plain'],
  [`filename="x.txt"; filename*=utf-16''b.txt`, 'plain'],
  ['filename="x.txt"', 'plain'],
])('the name of a file with %s', (parameters, name) => {
  const disposition = `form-data; name="0"; ${parameters}`
  const headers = { filename: 'plain', contentType: undefined, disposition }
  expect(new UploadedFile(headers, nothing()).name).toBe(name)
})

// To read one takes more time than its length asks for, and a part's headers may have 8,192 bytes.
test('a Content-Type of more than 256 characters declares no charset', () => {
  const padded = (length: number) => `text/plain;${' '.repeat(length)}charset=koi8-r`
  expect(charsetIn(padded(0))).toBe('koi8-r')
  expect(charsetIn(padded(256 - padded(0).length))).toBe('koi8-r')
  expect(charsetIn(padded(8_000))).toBeUndefined()
})
