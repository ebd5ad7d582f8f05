import { Readable } from 'node:stream'
import { create } from 'content-disposition'
import type { Deps } from '../../deps.ts'
import { unauthenticated } from '../../errors.ts'
import type { Document } from '../../generated/prisma/client.ts'
import { DownloadSemaphore } from '../../limits/download-semaphore.ts'
import { minCost } from '../../limits/operation-cost.ts'
import { findDocument } from '../../modules/document/find-document.ts'
import { textType } from '../../modules/document/media-type.ts'
import { contentOf } from '../../modules/document/store.ts'
import { type Context, createContext } from '../../schema/context.ts'
import { authenticate } from '../credential.ts'
import { documentsPath } from '../paths.ts'
import { type Call, jsonReply, notFound, type Reply, type Route } from './route.ts'

const headersOf = ({ name, mediaType, bytes }: Document): Record<string, string> => ({
  'content-type': mediaType === textType ? `${textType}; charset=utf-8` : mediaType,
  'content-length': String(bytes),
  // Nothing is shown by a browser as a page of this origin, or runs as one.
  'content-disposition': create(name),
  'content-security-policy': "default-src 'none'; sandbox",
})

/** @throws RequestError RATE_LIMITED, FORBIDDEN, BAD_USER_INPUT for who is in no workspace */
async function download(context: Context, call: Call, underWay: DownloadSemaphore): Promise<Reply> {
  const { principal, deps } = context
  if (principal.kind === 'ACCESS_TOKEN' && principal.isRotated) throw unauthenticated('ROTATED')
  await context.charge(minCost)
  const document = await findDocument(context, call.state.path.slice(documentsPath.length))
  if (document === null) return notFound(call)
  const headers = headersOf(document)
  if (call.request.method === 'HEAD') return { status: 200, headers }
  const content = await underWay.begin(document.workspaceId, () => contentOf(deps, document))
  if (content === null) return notFound(call)
  return { status: 200, headers, body: Readable.toWeb(content) as ReadableStream<Uint8Array> }
}

/** What answers at a document's address: its content, to who may read the document. */
export function downloads(deps: Deps): Route {
  const underWay = new DownloadSemaphore()
  return async (call) => {
    const { request, state } = call
    const { address, requestId } = state
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return jsonReply(405, { error: 'Use GET.' }, { allow: 'GET, HEAD' })
    const principal = await authenticate(deps, request.headers, state)
    if (principal === undefined) throw unauthenticated('MISSING')
    const context = createContext(deps, { address, requestId, principal })
    state.context = context
    return await download(context, call, underWay)
  }
}
