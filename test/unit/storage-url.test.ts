import { expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { parseStorageUrl } from '../../src/storage/storage-url.ts'

function refusalOf(settings: Readonly<Record<string, string>>): string {
  try {
    readConfig(settings)
    return ''
  } catch (error) {
    return String(error instanceof Error && error.message)
  }
}

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
  's3://bucket?endpoint=http://localhost:9000?key=secret',
  's3://bucket?endpoint=http://localhost:9000%23secret',
  's3://bucket?endpoint=ftp://localhost',
  's3://bu..cket',
  's3://bucket-.a',
  's3://10.0.0.1',
  's3://bucket/a/../b',
  's3://bucket/a/%2e%2e/b',
  's3://bucket/./b',
  's3://bucket/a//b',
  'file:///folder?secret',
  'file:///folder#secret',
  'file:./folder?secret',
  'https://bucket.s3.amazonaws.com',
])('%s is none', (text) => {
  expect(parseStorageUrl(text)).toBeUndefined()
  expect(refusalOf({ DOCUMENTS_URL: text })).toMatch(
    /^DOCUMENTS_URL is not acceptable \(its value is not shown\); expected file: and a folder, or s3:/,
  )
})

test.each(['DOCUMENTS_URL', 'AGENT_RUNTIME_URL', 'PUBLIC_URL', 'OIDC_ISSUER'])(
  'credentials in %s are never shown',
  (name) => {
    for (const scheme of ['s3', 'https']) {
      const message = refusalOf({ [name]: `${scheme}://user:pa55word@host?key=pa55word` })
      expect(message).toMatch(`${name} is not acceptable (its value is not shown); expected `)
      expect(message).not.toContain('pa55word')
    }
  },
)

test('warns in production of a bucket whose way anybody can listen on', () => {
  const warningsOf = (endpoint: string) =>
    readConfig({ NODE_ENV: 'production', DOCUMENTS_URL: `s3://bucket?endpoint=${endpoint}` })
      .warnings
  expect(warningsOf('http://minio.example.com')).toEqual([
    'DOCUMENTS_URL is http: who stands between reads and changes documents',
  ])
  expect(warningsOf('https://minio.example.com')).toEqual([])
  expect(warningsOf('http://localhost:9000')).toEqual([])
})
