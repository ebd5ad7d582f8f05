import { expect, test } from 'vitest'
import { UploadedFile } from '../../src/input/uploaded-file.ts'

async function* nothing(): AsyncGenerator<Uint8Array> {}

const charsetIn = (contentType: string): string | undefined =>
  new UploadedFile({ filename: 'a.txt', contentType }, nothing()).charset

// To read one takes more time than its length asks for, and a part's headers may have 8,192 bytes.
test('a Content-Type of more than 256 characters declares no charset', () => {
  const padded = (length: number) => `text/plain;${' '.repeat(length)}charset=koi8-r`
  expect(charsetIn(padded(0))).toBe('koi8-r')
  expect(charsetIn(padded(256 - padded(0).length))).toBe('koi8-r')
  expect(charsetIn(padded(8_000))).toBeUndefined()
})
