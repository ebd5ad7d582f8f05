// What the page does beside GraphiQL: it asks for the key, sends it with all requests, and fills in
// variables. It runs at the end of the page's one script.
const { endpoint, monaco, tabs, YogaGraphiQL } = globalThis
const form = document.querySelector('#credential')
const { ask, secret, enter, known, workspace, forget, message } = form.elements
const hint = message.textContent

/** The key or token of all tabs. It is nowhere but here, so that a reload asks for it again. */
let credential

const post = async (params, bearer) => {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(bearer && { authorization: `Bearer ${bearer}` }),
      ...(workspace.value && { 'x-workspace-id': workspace.value }),
    },
    body: JSON.stringify(params),
  })
  return await response.json()
}

/** What stands for the placeholders of the tabs, as far as answers have shown it. */
const values = new Map()

const learn = ({ data }) => {
  const spaceIds = JSON.stringify(data ?? null).match(/(?<=")spc_[0-9a-z]+(?=")/g)
  const [one, another] = new Set(spaceIds)
  if (another) values.set('<id of a space>', one).set('<id of another space>', another)
  // Keys that were listed are not learned: nobody should revoke one of them by pressing play.
  const key = data?.createApiKey?.apiKey
  if (key) values.set('<id of the key>', key.id)
}

/** Fills in the variables of the tab that is shown. */
const fill = () => {
  values.set('<in 30 days>', new Date(Date.now() + 30 * 86_400_000).toISOString())
  const variables = monaco.editor.getModels().find(({ uri }) => uri.path.endsWith('variables.json'))
  if (!variables) return
  const text = variables.getValue()
  const filled = text.replace(/<[^<>]+>/g, (placeholder) => values.get(placeholder) ?? placeholder)
  if (filled !== text) variables.setValue(filled)
}

const fetcher = async ({ query, operationName: name, variables }) => {
  // For a moment after a change of tabs GraphiQL names the operation of the tab before.
  const isIn = new RegExp(`\\b(query|mutation)\\s+${name}\\b`).test(query)
  const operationName = isIn ? name : undefined
  const answer = await post({ query, operationName, variables }, credential)
  learn(answer)
  return answer
}

// The instructions are longer than a line. An editor takes no options before it is complete.
monaco.editor.onDidCreateEditor((editor) =>
  queueMicrotask(() => editor.updateOptions({ wordWrap: 'on' })),
)

let isShown = false
const showGraphiql = () => {
  if (isShown) return
  isShown = true
  YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root'), {
    title: 'Latchkey',
    fetcher,
    defaultTabs: tabs,
    // A reload looks for this among the stored tabs, and adds an empty tab when it is not there.
    ...tabs[0],
    onTabChange: fill,
    visiblePlugin: localStorage.getItem('graphiql:visiblePlugin') ?? 'Documentation Explorer',
    defaultEditorToolsVisibility: 'variables',
    isHeadersEditorEnabled: false,
    shouldPersistHeaders: false,
  })
}

const use = (bearer, { viewer, workspaces } = {}) => {
  credential = bearer
  secret.value = ''
  secret.removeAttribute('aria-invalid')
  ask.hidden = viewer !== undefined
  known.hidden = viewer === undefined
  message.textContent = viewer
    ? [viewer.user.name, viewer.role, viewer.kind].filter(Boolean).join(' · ')
    : hint
  // Who has several workspaces has no role before one of them is named.
  workspace.hidden = viewer?.role !== null
  workspace.replaceChildren(
    new Option('Choose a workspace', ''),
    ...(workspaces?.nodes ?? []).map(({ id, name }) => new Option(name, id)),
  )
}

const whoAsks = `query WhoAsks {
  viewer { kind role user { name } }
  workspaces(first: 100) { nodes { id name } }
}`

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const bearer = secret.value.trim()
  enter.disabled = true
  try {
    const { data, errors } = await post({ query: whoAsks }, bearer)
    if (!data) throw new Error(errors[0].message)
    use(bearer, data)
    showGraphiql()
  } catch (error) {
    message.textContent = error.message
    secret.setAttribute('aria-invalid', 'true')
    secret.select()
  } finally {
    enter.disabled = false
  }
})

forget.addEventListener('click', () => {
  use(undefined)
  secret.focus()
})

const page = await fetch('', {
  method: 'HEAD',
  cache: 'no-store',
  headers: { accept: 'text/html' },
})
if (page.headers.get('latchkey-introspection') === 'public') showGraphiql()
