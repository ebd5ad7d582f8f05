import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { createFolder, type RunningServer, startServer } from './program.ts'
import { mostHeldDuring, tellsHeld } from './resident.ts'

const mebibyte = 1_048_576
const size = 100 * mebibyte
const boundary = 'xxBOUNDARYxx'
const block = Buffer.alloc(mebibyte, 'a line of text\n')

const field = (name: string, value: unknown): string =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${JSON.stringify(value)}\r\n`

async function mutate(server: RunningServer, secret: string, field: string): Promise<any> {
  const { data, errors } = await server.gql(secret, `mutation { ${field} }`)
  expect(errors).toBeUndefined()
  return Object.values(data)[0]
}

/** Sends a form with the file as fast as it is taken. */
async function send(url: string, secret: string, sessionId: string, size: number): Promise<any> {
  const query = `mutation ($file: File!) { uploadDocument(input: { sessionId: "${sessionId}", file: $file }) {
    document { id bytes sha256 } errors { code message } } }`
  const head = `${field('operations', { query, variables: { file: null } })}${field('map', {
    f: ['variables.file'],
  })}--${boundary}\r\nContent-Disposition: form-data; name="f"; filename="large.txt"\r\n\r\n`
  const tail = `\r\n--${boundary}--\r\n`
  const call = request(`${url}/graphql`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${secret}`,
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': head.length + size + tail.length,
    },
  })
  const answered = new Promise((resolve, reject) => {
    call.on('response', (response) => json(response).then(resolve, reject)).on('error', reject)
  })
  call.write(head)
  for (let sent = 0; sent < size; sent += block.length)
    if (!call.write(block)) await new Promise((done) => call.once('drain', done))
  call.end(tail)
  return answered
}

async function hashOf(response: Response): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of response.body ?? []) hash.update(chunk)
  return hash.digest('hex')
}

test('a document of 100 MiB passes through in little memory', { timeout: 120_000 }, async () => {
  const server = await startServer({
    DATA_DIR: await createFolder(),
    DOCUMENTS_MAX_BYTES: String(size),
    LOG_LEVEL: 'warn',
    ...tellsHeld,
  })
  const [secret = ''] = server.printedKeys
  const made = await mutate(server, secret, 'createSpace(input: { name: "s" }) { space { id } }')
  const { agent } = await mutate(
    server,
    secret,
    `createAgent(input: { name: "a", spaceIds: ["${made.space.id}"] }) { agent { id } }`,
  )
  const { session } = await mutate(
    server,
    secret,
    `createSession(input: { agentId: "${agent.id}" }) { session { id } }`,
  )
  // What the first upload loads is not what a large one takes.
  await send(server.url, secret, session.id, mebibyte)
  const { most: before } = await mostHeldDuring(server, async () => undefined)
  const uploading = await mostHeldDuring(server, () => send(server.url, secret, session.id, size))
  const { document, errors } = uploading.value.data.uploadDocument
  expect([document.bytes, errors]).toEqual([size, []])
  const downloading = await mostHeldDuring(server, async () =>
    hashOf(
      await fetch(`${server.url}/documents/${document.id}`, {
        headers: { authorization: `Bearer ${secret}` },
      }),
    ),
  )
  expect(downloading.value).toBe(document.sha256)
  const [up, down] = [uploading.most, downloading.most]
  console.log(
    `100 MiB: ${[before, up, down].map(Math.round).join(', ')} MiB held before, while uploading, while downloading`,
  )
  expect(up - before).toBeLessThan(64)
  expect(down - before).toBeLessThan(64)
})
