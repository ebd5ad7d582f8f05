import { expect, test } from 'vitest'
import { readEnv } from '../../src/env.ts'
import { parseStorageUrl } from '../../src/storage/storage-url.ts'

const plain = { prefix: '', endpoint: undefined, region: undefined }

test.each([
  ['file:///var/lib/latchkey', { folder: '/var/lib/latchkey' }],
  ['file:///a%20b', { folder: '/a b' }],
  ['file:./documents', { folder: './documents' }],
  ['file:/documents', { folder: '/documents' }],
  ['s3://bucket', { ...plain, bucket: 'bucket' }],
  ['s3://a.bucket-1/', { ...plain, bucket: 'a.bucket-1' }],
  ['s3://bucket/a/b_c/', { ...plain, bucket: 'bucket', prefix: 'a/b_c' }],
  [
    's3://bucket?endpoint=http://localhost:9000&region=x',
    { ...plain, bucket: 'bucket', endpoint: 'http://localhost:9000', region: 'x' },
  ],
])('%s is a place', (text, location) => {
  expect(parseStorageUrl(text)).toEqual(location)
})

test.each([
  '/var/lib/latchkey',
  'file:',
  'file://host/folder',
  's3:bucket',
  's3://',
  's3://Bucket_',
  's3://b',
  's3://key:secret@bucket',
  's3://bucket:9000',
  's3://bucket/a b',
  's3://bucket?endpoint=localhost:9000',
  's3://bucket?endpoint=https://key:secret@localhost:9000',
  's3://bucket?region=a&region=b',
  's3://bucket?key=secret',
  'https://bucket.s3.amazonaws.com',
])('%s is none', (text) => {
  expect(parseStorageUrl(text)).toBeUndefined()
  expect(() => readEnv({ DOCUMENTS_URL: text })).toThrow(
    `DOCUMENTS_URL is ${JSON.stringify(text)}; expected file: and a folder, or s3://`,
  )
})

test('warns in production of a bucket whose way anybody can listen on', () => {
  const warningsOf = (endpoint: string) =>
    readEnv({ NODE_ENV: 'production', DOCUMENTS_URL: `s3://bucket?endpoint=${endpoint}` }).warnings
  expect(warningsOf('http://minio.example.com')).toEqual([
    'DOCUMENTS_URL is http: who stands between reads and changes documents',
  ])
  expect(warningsOf('https://minio.example.com')).toEqual([])
  expect(warningsOf('http://localhost:9000')).toEqual([])
})
