import { readFileSync } from 'node:fs'
import {
  css,
  editorWorkerService,
  favicon,
  graphqlWorker,
  js,
  jsonWorker,
} from '@graphql-yoga/render-graphiql/graphiql'
import { graphqlPath } from '../../src/http/paths.ts'
import { readGraphiqlTabs } from './tabs.ts'

const json = JSON.stringify

/** All that the page runs: GraphiQL, whose editor takes its workers from blobs, and our part. */
export const pageScript = (): string => `
const blob = (worker) => URL.createObjectURL(new Blob([worker], { type: 'application/javascript' }))
const workers = {
  editorWorkerService: blob(${json(editorWorkerService)}),
  json: blob(${json(jsonWorker)}),
  graphql: blob(${json(graphqlWorker)}),
}
globalThis.MonacoEnvironment = { globalAPI: true, getWorkerUrl: (_, label) => workers[label] }
// GraphiQL would write what is being edited into the address, and so into the browser's history and
// every proxy's log. A link with a \`query\` still opens.
history.replaceState = () => {}
globalThis.endpoint = ${json(graphqlPath)}
globalThis.tabs = ${json(readGraphiqlTabs())};
${js};
(async () => {
${readFileSync(new URL('client.js', import.meta.url), 'utf8')}
})()
`

const style = `
body { display: flex; flex-direction: column; height: 100vh; color-scheme: light dark; background: Canvas; color: CanvasText; }
body.graphiql-light { color-scheme: light; }
body.graphiql-dark { color-scheme: dark; }
#credential { display: flex; gap: 12px; align-items: center; padding: 8px 16px; border-bottom: 1px solid GrayText; }
#credential, #credential * { font: 14px system-ui, sans-serif; }
#credential fieldset { display: flex; gap: 8px; align-items: center; margin: 0; padding: 0; border: 0; }
#credential [hidden] { display: none; }
#credential [aria-invalid] { outline: 2px solid #d6006c; }
#secret { width: 22em; }
#root { flex: 1; min-height: 0; }
#root .graphiql-container { height: 100%; }
/* On a first visit a tab jumps away from under the pointer that presses it, so that the click misses:
   it has a stale offset, which GraphiQL's own style hides only until it has the focus. */
.graphiql-tab { transform: none !important; }
/* All tabs are seen, in rows. */
#root .graphiql-session-header { height: auto; }
.graphiql-tabs { flex-wrap: wrap; }
`

/** The page around its script. */
export const renderPage = (script: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Latchkey</title>
<link rel="icon" href="${favicon}">
<style>${css}${style}</style>
</head>
<body>
<form id="credential">
<fieldset id="ask">
<label for="secret">Key or token</label>
<input id="secret" type="password" autocomplete="off" spellcheck="false" required autofocus>
<button id="enter">Use key</button>
</fieldset>
<output id="message">An API key, an access token or a sign-in token, for all tabs. Only this page keeps it: a reload asks again.</output>
<fieldset id="known" hidden>
<select id="workspace" aria-label="Workspace" hidden></select>
<button id="forget" type="button">Forget key</button>
</fieldset>
</form>
<div id="root"></div>
<script>${script}</script>
</body>
</html>
`
