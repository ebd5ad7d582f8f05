import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { brotliCompress, constants, gunzip, gzip } from 'node:zlib'
import { Response } from '@whatwg-node/server'
import { acceptedEncoding } from './accepted-encoding.ts'
import { readGraphiqlTabs } from './graphiql-tabs/tabs.ts'

export interface GraphiqlPage {
  respond(request: Request): Promise<Response>
}

/** The page as it is kept: only compressed, because as it is it has 9 MB. */
interface Rendered {
  readonly bodies: Readonly<Record<'br' | 'gzip', Uint8Array<ArrayBuffer>>>
  readonly digest: string
  readonly policy: string
}

/**
 * What the header editor of every tab begins with. An empty value counts as no credential, so that
 * the explorer can load a public schema before a key has been pasted between the quotes; with a
 * made-up key in the place every request, introspection included, would begin with a 401.
 */
const defaultHeaders = JSON.stringify({ 'X-API-Key': '' }, null, 2)

const sha256 = (text: string | Uint8Array) => createHash('sha256').update(text).digest('base64')

/**
 * Lets run exactly the page's one script, which brings its workers as blobs, and lets it talk to
 * this server only. Monaco writes style attributes and elements, hence `unsafe-inline` there.
 */
function contentSecurityPolicy(html: string): string {
  const script = html.slice(html.indexOf('<script>') + 8, html.lastIndexOf('</script>'))
  return [
    "default-src 'none'",
    `script-src 'sha256-${sha256(script)}'`,
    'worker-src blob:',
    "style-src 'unsafe-inline'",
    'img-src data:',
    'font-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function options() {
  const tabs = readGraphiqlTabs()
  return {
    title: 'Latchkey',
    headers: defaultHeaders,
    defaultTabs: tabs.map((tab) => ({ ...tab, headers: defaultHeaders })),
    // A reload looks for this among the stored tabs, and adds an empty tab when it is not there.
    ...tabs[0],
    isHeadersEditorEnabled: true,
    defaultEditorToolsVisibility: 'headers',
    // A key must not end in the browser's storage.
    shouldPersistHeaders: false,
  } as const
}

/** Two things that GraphiQL has no option for. */
const correct = (html: string): string =>
  html
    // On a first visit a tab jumps away from under the pointer that presses it, so that the click
    // misses: it has a stale offset, which GraphiQL's own style hides only until it has the focus.
    .replace('</head>', '<style>.graphiql-tab { transform: none !important; }</style></head>')
    // What is being edited would be written into the address, and so into the browser's history
    // and every proxy's log. A link with a `query` still opens.
    .replace('<script>', '<script>history.replaceState = () => {};')

async function render(): Promise<Rendered> {
  // Imported here because it costs 90 ms and 30 MB, and most servers are never asked for the page.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  const html = correct(renderGraphiQL(options()))
  const bytes = Buffer.from(html)
  // Quality 5: 1.9 MB in 0.2 s; 9 takes 0.7 s for 5 % less. Both run off the main thread.
  const params = { [constants.BROTLI_PARAM_QUALITY]: 5 }
  const [br, gzipped] = await Promise.all([
    promisify(brotliCompress)(bytes, { params }),
    promisify(gzip)(bytes, { level: 6 }),
  ])
  return {
    bodies: { br, gzip: gzipped },
    digest: sha256(bytes).slice(0, 22),
    policy: contentSecurityPolicy(html),
  }
}

/** Whether If-None-Match names this tag; weak tags match too (RFC 9110, 13.1.2). */
const namesTag = (header: string | null, etag: string): boolean =>
  (header ?? '').split(',').some((tag) => ['*', etag, `W/${etag}`].includes(tag.trim()))

/** Whether a person's browser asks for the page, rather than a client for data. */
export const wantsGraphiql = (request: Request): boolean =>
  request.method === 'GET' && (request.headers.get('accept') ?? '').includes('text/html')

/**
 * GraphiQL out of our own process: nothing on the page comes from anywhere else. It is rendered and
 * compressed once, when it is first asked for.
 */
export function graphiqlPage(): GraphiqlPage {
  let rendered: Promise<Rendered> | undefined
  return {
    async respond(request) {
      rendered ??= render().catch((error: unknown) => {
        rendered = undefined
        throw error
      })
      const { bodies, digest, policy } = await rendered
      const encoding = acceptedEncoding(request.headers.get('accept-encoding'), ['br', 'gzip'])
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
      if (namesTag(request.headers.get('if-none-match'), etag))
        return new Response(null, { status: 304, headers })
      const body = encoding === 'identity' ? await promisify(gunzip)(bodies.gzip) : bodies[encoding]
      return new Response(body, {
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
