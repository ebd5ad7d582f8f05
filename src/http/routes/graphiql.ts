import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { acceptedCoding } from '../content-negotiation.ts'
import type { ServerOptions } from '../plugin.ts'
import type { Route } from './route.ts'

/** What is stored of the page beside its content. */
export interface GraphiqlHead {
  readonly digest: string
  readonly policy: string
}

/** The page as scripts/prepare.ts leaves it. */
export const graphiqlFiles = {
  br: new URL('../../generated/graphiql/page.html.br', import.meta.url),
  gzip: new URL('../../generated/graphiql/page.html.gz', import.meta.url),
  head: new URL('../../generated/graphiql/head.json', import.meta.url),
}

async function readPage() {
  const [br, gzip, head] = await Promise.all([
    readFile(graphiqlFiles.br),
    readFile(graphiqlFiles.gzip),
    readFile(graphiqlFiles.head, 'utf8'),
  ])
  return { bodies: { br, gzip }, ...(JSON.parse(head) as GraphiqlHead) }
}

/** Its 9 MB are never there as a whole: making them would stop everybody else, for few who ask so. */
const decoded = (gzip: Uint8Array): ReadableStream<Uint8Array> =>
  Readable.toWeb(Readable.from([gzip]).pipe(createGunzip())) as ReadableStream<Uint8Array>

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
export function graphiqlPage(introspection: ServerOptions['introspection']): Route {
  let read: ReturnType<typeof readPage> | undefined
  return async ({ request: { method, headers: sent } }) => {
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
      'x-frame-options': 'DENY',
      // The page asks for this by HEAD: whether it can load the schema before it has a key.
      'latchkey-introspection': introspection,
    }
    if (namesTag(sent.get('if-none-match'), etag)) return { status: 304, headers }
    const coded = encoding === 'identity' ? undefined : bodies[encoding]
    return {
      status: 200,
      headers: {
        ...headers,
        'content-type': 'text/html; charset=utf-8',
        ...(coded && { 'content-length': String(coded.byteLength), 'content-encoding': encoding }),
      },
      body: method === 'HEAD' ? null : (coded ?? decoded(bodies.gzip)),
    }
  }
}
