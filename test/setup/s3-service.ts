import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { vi } from 'vitest'
import type { S3Location } from '../../src/storage/storage-url.ts'

/** A service that keeps objects as S3 does, as far as one object at a time goes. */
export interface S3Service {
  /** A bucket of it. */
  location(prefix?: string): S3Location
  /** By bucket and key, as in an address. */
  readonly objects: ReadonlyMap<string, Buffer>
  /** What was asked for: methods and paths. */
  readonly requests: readonly string[]
  /** What it answers with instead, for whatever is asked; undefined: as it should. */
  failWith: number | undefined
  /** What is waited for before anything is answered. */
  heldBy: Promise<unknown> | undefined
  /** What is done before the next object is given. */
  beforeGet: (() => Promise<unknown>) | undefined
  /** What is done once the next object is kept, before that is told. */
  afterPut: (() => Promise<unknown>) | undefined
  close(): Promise<unknown>
}

/** The content, and not the chunks that it may be sent in. */
async function contentOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const content = await buffer(request)
  const told = request.headers['x-amz-content-sha256']
  const isSigned = typeof told === 'string' && /^[0-9a-f]{64}$/.test(told)
  const isWhole =
    request.headers['content-encoding'] === undefined &&
    content.length === Number(request.headers['content-length'])
  return isWhole && (!isSigned || createHash('sha256').update(content).digest('hex') === told)
    ? content
    : undefined
}

function fail(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' })
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`)
}

/** Starts one, on a free port, with credentials in the environment until it is closed. Whoever signs no request is refused. */
export async function startS3Service(): Promise<S3Service> {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test-id').stubEnv('AWS_SECRET_ACCESS_KEY', 'test-secret')
  const objects = new Map<string, Buffer>()
  const requests: string[] = []
  const state: Pick<S3Service, 'failWith' | 'heldBy' | 'beforeGet' | 'afterPut'> = {
    failWith: undefined,
    heldBy: undefined,
    beforeGet: undefined,
    afterPut: undefined,
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method, headers } = request
    const [path = ''] = (request.url ?? '').split('?')
    requests.push(`${method} ${path}`)
    await state.heldBy
    if (!headers.authorization?.startsWith('AWS4-HMAC-SHA256 Credential=test-id/'))
      return fail(response, 403, 'AccessDenied')
    if (state.failWith !== undefined) return fail(response, state.failWith, 'SlowDown')
    if (method === 'GET') {
      const before = state.beforeGet
      state.beforeGet = undefined
      await before?.()
    }
    const object = objects.get(path)
    if (method === 'PUT') {
      const content = await contentOf(request)
      if (content === undefined) return fail(response, 400, 'BadDigest')
      objects.set(path, content)
      const after = state.afterPut
      state.afterPut = undefined
      await after?.()
      response.writeHead(200, { etag: '"x"' }).end()
    } else if (method === 'DELETE') {
      objects.delete(path)
      response.writeHead(204).end()
    } else if (object === undefined) {
      if (method === 'HEAD') response.writeHead(404).end()
      else fail(response, 404, 'NoSuchKey')
    } else {
      response.writeHead(200, { 'content-length': object.length })
      response.end(method === 'HEAD' ? undefined : object)
    }
  }
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return Object.assign(state, {
    location: (prefix = '') => ({
      bucket: 'bucket',
      prefix,
      region: 'eu-central-1',
      endpoint: `http://127.0.0.1:${port}`,
    }),
    objects,
    requests,
    close: () => {
      vi.unstubAllEnvs()
      server.closeAllConnections()
      return once(server.close(), 'close')
    },
  })
}
