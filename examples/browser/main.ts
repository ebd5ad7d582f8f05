import { ask, type Connection, type RequestError } from './api.ts'
import {
  CreateSpaceDocument,
  ListAgentsDocument,
  ListSpacesDocument,
  type ProblemFragment,
} from './generated/operations.ts'

interface Page<Node> {
  readonly nodes: readonly Node[]
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
}

function element<E extends HTMLElement>(id: string, type: new () => E): E {
  const found = document.getElementById(id)
  if (found instanceof type) return found
  throw new Error(`index.html has no #${id}`)
}

// As text, never as HTML: names are what somebody typed.
const items = (texts: readonly string[]): HTMLLIElement[] =>
  texts.map((text) => Object.assign(document.createElement('li'), { textContent: text }))

const connectForm = element('connect', HTMLFormElement)
const createForm = element('create-space', HTMLFormElement)
const errorList = element('errors', HTMLUListElement)
const problemList = element('problems', HTMLUListElement)

// In memory alone: what is in localStorage can be read by every script of the page.
let connection: Connection | undefined

const showErrors = (errors: readonly RequestError[]): void =>
  errorList.append(
    ...items(
      errors.map(
        ({ message, extensions: { code, requestId } }) =>
          `${code}: ${message} (request ${requestId})`,
      ),
    ),
  )

const showProblems = (problems: readonly ProblemFragment[]): void =>
  problemList.replaceChildren(
    ...items(
      problems.map(({ code, message, path }) => `${path?.join('.') ?? ''} ${code}: ${message}`),
    ),
  )

let isBusy = false
/** Runs one action at a time, and shows why it failed. */
async function run(action: () => Promise<void>): Promise<void> {
  if (isBusy) return
  isBusy = true
  errorList.replaceChildren()
  try {
    await action()
  } catch (error) {
    errorList.append(...items([`No answer of the API: ${error}`]))
  } finally {
    isBusy = false
  }
}

/** A list with a button for the next page. Returns what fills it from the start. */
function pagedList<Node>(
  id: string,
  load: (connection: Connection, after: string | null) => Promise<Page<Node> | null | undefined>,
  text: (node: Node) => string,
): () => Promise<void> {
  const list = element(id, HTMLUListElement)
  const more = element(`more-${id}`, HTMLButtonElement)
  let after: string | null = null
  const next = async (): Promise<void> => {
    const page = connection && (await load(connection, after))
    list.append(...items((page?.nodes ?? []).map(text)))
    after = page?.pageInfo.endCursor ?? after
    more.hidden = !page?.pageInfo.hasNextPage
  }
  more.addEventListener('click', () => run(next))
  return () => {
    list.replaceChildren()
    after = null
    return next()
  }
}

// A DateTime is text on the wire, and in the generated types.
const day = (instant: string): string => new Date(instant).toLocaleDateString()

const showSpaces = pagedList(
  'spaces',
  async (to, after) => {
    const { data, errors } = await ask(to, ListSpacesDocument, { after })
    showErrors(errors)
    return data?.spaces
  },
  ({ name, visibility, createdAt }) => `${name} (${visibility}, since ${day(createdAt)})`,
)

const showAgents = pagedList(
  'agents',
  async (to, after) => {
    const { data, errors } = await ask(to, ListAgentsDocument, { after })
    showErrors(errors)
    return data?.agents
  },
  ({ name, status, updatedAt }) => `${name} (${status}, changed ${day(updatedAt)})`,
)

connectForm.addEventListener('submit', (event) => {
  event.preventDefault()
  const entered = new FormData(connectForm)
  void run(async () => {
    connection = {
      url: String(entered.get('url')),
      credential: String(entered.get('credential')).trim(),
      workspace: String(entered.get('workspace')).trim(),
    }
    showProblems([])
    await showSpaces()
    await showAgents()
  })
})

createForm.addEventListener('submit', (event) => {
  event.preventDefault()
  const name = String(new FormData(createForm).get('name'))
  void run(async () => {
    if (connection === undefined) return
    const { data, errors } = await ask(connection, CreateSpaceDocument, { input: { name } })
    showErrors(errors)
    showProblems(data?.createSpace?.errors ?? [])
    if (data?.createSpace?.space) await showSpaces()
  })
})
