import { randomUUID } from 'node:crypto'
import { finished, Readable } from 'node:stream'
import { create } from 'content-disposition'
import { type Context, createContext } from '../../context.ts'
import type { Deps } from '../../deps.ts'
import { RequestError, unauthenticated } from '../../errors.ts'
import type { Document } from '../../generated/prisma/client.ts'
import { leastCost } from '../../limits/operation-cost.ts'
import { findDocument } from '../../modules/document/find-document.ts'
import { textType } from '../../modules/document/media-type.ts'
import { contentOf } from '../../modules/document/store.ts'
import { authenticate } from '../authenticate.ts'
import { allowAnyOrigin, preflightResponse } from '../cors.ts'
import { setDeprecationHeaders } from '../deprecation-headers.ts'
import { unexpected } from '../errors.ts'
import { setRateLimitHeaders } from '../rate-limit-headers.ts'
import { errorResponse, jsonResponse } from '../respond.ts'
import { DownloadsUnderWay } from './downloads-under-way.ts'

interface Origin {
  readonly address: string | undefined
  readonly requestId: string
}

const headersOf = ({ name, mediaType, bytes }: Document): Record<string, string> => ({
  'content-type': mediaType === textType ? `${textType}; charset=utf-8` : mediaType,
  'content-length': String(bytes),
  // Nothing is shown by a browser as a page of this origin, or runs as one.
  'content-disposition': create(name),
  'content-security-policy': "default-src 'none'; sandbox",
})

const notFound = (): Response => jsonResponse(404, { error: 'not found' })

/** The content of a document, counted as long as it is being given; null: it has been deleted. */
async function countedContent(
  deps: Deps,
  document: Document,
  underWay: DownloadsUnderWay,
): Promise<Readable | null> {
  const end = underWay.begin(document.workspaceId)
  const content = await contentOf(deps, document).catch((error: unknown) => {
    end()
    throw error
  })
  if (content === null) end()
  else finished(content, end)
  return content
}

/** @throws RequestError RATE_LIMITED, FORBIDDEN, BAD_USER_INPUT for who is in no workspace */
async function download(
  context: Context,
  { method }: Request,
  id: string,
  underWay: DownloadsUnderWay,
): Promise<Response> {
  const { principal, deps } = context
  if (principal.kind === 'ACCESS_TOKEN' && principal.isRotated) throw unauthenticated('ROTATED')
  await context.charge(leastCost)
  const document = await findDocument(context, id)
  if (document === null) return notFound()
  const headers = headersOf(document)
  if (method === 'HEAD') return new Response(null, { headers })
  const content = await countedContent(deps, document, underWay)
  if (content === null) return notFound()
  return new Response(Readable.toWeb(content) as ReadableStream<Uint8Array>, { headers })
}

/** What answers at a document's address: its content, to who may read the document. */
export function downloadEndpoint(
  deps: Deps,
): (request: Request, id: string, address: string | undefined) => Promise<Response> {
  const underWay = new DownloadsUnderWay()
  const failure = (error: unknown, requestId: string): Response => {
    const shown = error instanceof RequestError ? error : unexpected(error)
    if (shown.cause !== undefined) deps.logger.error({ err: shown.cause, requestId }, shown.message)
    return errorResponse(shown, requestId, 'application/json')
  }
  const answer = async (request: Request, id: string, origin: Origin): Promise<Response> => {
    const { method, headers } = request
    if (method !== 'GET' && method !== 'HEAD')
      return jsonResponse(405, { error: 'Use GET.' }, { allow: 'GET, HEAD' })
    const principal = await authenticate(deps, headers, origin)
    if (principal === undefined) throw unauthenticated('MISSING')
    const context = createContext(deps, { ...origin, principal })
    const response = await download(context, request, id, underWay).catch((error: unknown) =>
      failure(error, origin.requestId),
    )
    setRateLimitHeaders(response, context.charged)
    setDeprecationHeaders(response, principal)
    return response
  }

  return async (request, id, address) => {
    if (request.method === 'OPTIONS') return preflightResponse(['GET'])
    const requestId = randomUUID()
    const response = await answer(request, id, { address, requestId }).catch((error: unknown) =>
      failure(error, requestId),
    )
    response.headers.set('x-request-id', requestId)
    response.headers.set('cache-control', 'no-store')
    response.headers.set('x-content-type-options', 'nosniff')
    return allowAnyOrigin(response)
  }
}
