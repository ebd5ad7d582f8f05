import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { renderGraphiQL } from '@graphql-yoga/render-graphiql'
import { graphqlPath } from '../../src/http/paths.ts'
import { type GraphiqlHead, graphiqlFiles } from '../../src/http/routes/graphiql.ts'
import { readGraphiqlTabs } from './tabs.ts'

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
    // The page is shown at / as well.
    endpoint: graphqlPath,
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

/**
 * Renders GraphiQL's page and leaves it in files, compressed: that takes a second and 150 MB,
 * which a server that answers has no time for.
 */
export async function buildGraphiql(): Promise<void> {
  const html = correct(renderGraphiQL(options()))
  const page = Buffer.from(html)
  const head: GraphiqlHead = {
    digest: sha256(page).slice(0, 22),
    policy: contentSecurityPolicy(html),
  }
  // Quality 5: 1.9 MB in 0.2 s; 9 takes 0.7 s for 5 % less.
  const params = { [constants.BROTLI_PARAM_QUALITY]: 5 }
  await mkdir(new URL('.', graphiqlFiles.head), { recursive: true })
  await writeFile(graphiqlFiles.gzip, gzipSync(page))
  await writeFile(graphiqlFiles.br, brotliCompressSync(page, { params }))
  await writeFile(graphiqlFiles.head, JSON.stringify(head))
}
