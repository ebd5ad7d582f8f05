import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { Response } from '@whatwg-node/server'
import { acceptedCoding } from '../../accepted.ts'

export interface GraphiqlPage {
  respond(request: Request): Promise<Response>
}

/** What is stored of the page beside its content. */
export interface GraphiqlHead {
  readonly digest: string
  readonly policy: string
}

/** The page as scripts/prepare.ts leaves it. */
export const graphiqlFiles = {
  br: new URL('../../../generated/graphiql/page.html.br', import.meta.url),
  gzip: new URL('../../../generated/graphiql/page.html.gz', import.meta.url),
  head: new URL('../../../generated/graphiql/head.json', import.meta.url),
}

async function readPage() {
  const [br, gzip, head] = await Promise.all([
    readFile(graphiqlFiles.br),
    readFile(graphiqlFiles.gzip),
    readFile(graphiqlFiles.head, 'utf8'),
  ])
  // It has 9 MB: in the few large parts that it is joined from it takes little of this thread.
  const identity = await promisify(gunzip)(gzip, { chunkSize: 1_048_576 })
  const { digest, policy } = JSON.parse(head) as GraphiqlHead
  return { bodies: { br, gzip, identity }, digest, policy }
}

/** Whether If-None-Match names this tag; weak tags match too (RFC 9110, 13.1.2). */
const namesTag = (header: string | null, etag: string): boolean =>
  (header ?? '').split(',').some((tag) => ['*', etag, `W/${etag}`].includes(tag.trim()))

/** Whether a person's browser asks for the page, rather than a client for data. */
export const wantsGraphiql = ({ method, headers }: Request): boolean =>
  (method === 'GET' || method === 'HEAD') && (headers.get('accept') ?? '').includes('text/html')

/**
 * GraphiQL out of our own process: nothing on the page comes from anywhere else. All answers share the
 * bytes that were read when it was first asked for, however many clients have not taken theirs yet.
 */
export function graphiqlPage(): GraphiqlPage {
  let read: ReturnType<typeof readPage> | undefined
  return {
    async respond({ method, headers: sent }) {
      read ??= readPage().catch((error: unknown) => {
        read = undefined
        throw error
      })
      const { bodies, digest, policy } = await read
      const encoding = acceptedCoding(sent.get('accept-encoding'))
      const etag = `"${digest}-${encoding}"`
      const headers = {
        etag,
        'cache-control': 'no-cache',
        vary: 'accept, accept-encoding',
        'content-security-policy': policy,
        'cross-origin-opener-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      }
      if (namesTag(sent.get('if-none-match'), etag))
        return new Response(null, { status: 304, headers })
      const body = bodies[encoding]
      return new Response(method === 'HEAD' ? null : body, {
        headers: {
          ...headers,
          'content-type': 'text/html; charset=utf-8',
          'content-length': String(body.byteLength),
          ...(encoding === 'identity' ? {} : { 'content-encoding': encoding }),
        },
      })
    },
  }
}
