import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { createFolder, type RunningServer, startServer } from './program.ts'
import { heldBy, tellsHeld } from './resident.ts'

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

/** Sends a form with the file as fast as it is taken; with nine tenths of it sent, waits for `nearlyAll`. */
async function send(
  { url }: RunningServer,
  secret: string,
  sessionId: string,
  size: number,
  nearlyAll: () => Promise<unknown> = async () => undefined,
): Promise<any> {
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
  for (let sent = 0; sent < size; sent += block.length) {
    if (!call.write(block)) await new Promise((done) => call.once('drain', done))
    if (sent === 0.9 * size) await nearlyAll()
  }
  call.end(tail)
  return answered
}

/** Reads it all, and waits for `begun` with the first part of it. */
async function hashOf(response: Response, begun: () => Promise<unknown>): Promise<string> {
  const hash = createHash('sha256')
  let isFirst = true
  for await (const chunk of response.body ?? []) {
    if (isFirst) await begun()
    isFirst = false
    hash.update(chunk)
  }
  return hash.digest('hex')
}

test('a document of 100 MiB passes through in little memory', async () => {
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
  await send(server, secret, session.id, mebibyte)
  const held = [await heldBy(server)]
  const look = async () => held.push(await heldBy(server))
  const { data } = await send(server, secret, session.id, size, look)
  const { document, errors } = data.uploadDocument
  expect([document.bytes, errors]).toEqual([size, []])
  const response = await fetch(`${server.url}/documents/${document.id}`, {
    headers: { authorization: `Bearer ${secret}` },
  })
  expect(await hashOf(response, look)).toBe(document.sha256)
  const [before = 0, up, down] = held
  console.log(
    `100 MiB: ${held.map(Math.round).join(', ')} MiB held before, while uploading, while downloading`,
  )
  expect([up, down]).toEqual([expect.any(Number), expect.any(Number)])
  for (const during of held) expect(during - before).toBeLessThan(32)
})
