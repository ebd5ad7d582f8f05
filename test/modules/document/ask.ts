import { readdir } from 'node:fs/promises'
import { done, seed } from '../../setup/seed.ts'
import type { Answer, TestWorkspace, World } from '../../setup/world.ts'

/** A workspace with a session to which documents can be given. */
export interface Stage {
  readonly workspace: TestWorkspace
  readonly make: ReturnType<typeof seed>
  readonly space: string
  readonly agent: string
  readonly session: string
}

export const beginSession = async (
  world: World,
  secret: string,
  agentId: string,
): Promise<string> =>
  (await done(world, secret, 'createSession', 'session { id }', { agentId })).session.id

export async function createStage(world: World): Promise<Stage> {
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const space = await make.space({ name: 'space' })
  const agent = await make.agent({ name: 'agent', spaceIds: [space] })
  return {
    workspace,
    make,
    space,
    agent,
    session: await beginSession(world, workspace.secret, agent),
  }
}

export const uploadQuery = `mutation ($sessionId: ID!, $file: File!) {
  uploadDocument(input: { sessionId: $sessionId, file: $file }) {
    document { id name mediaType bytes sha256 url createdById session { id } }
    errors { code message path } } }`

export type Content = string | Uint8Array<ArrayBuffer>

/** Uploads a file; nothing of the answer is checked. */
export const upload = (
  world: World,
  secret: string,
  sessionId: string,
  content: Content,
  name = 'notes.txt',
  type = '',
): Promise<Answer<any>> =>
  world.gql(secret, uploadQuery, { sessionId, file: new File([content], name, { type }) })

/** Uploads a file that must be taken, and gives the document. */
export async function uploaded(...args: Parameters<typeof upload>): Promise<any> {
  const answer = await upload(...args)
  const { document, errors } = answer.data?.uploadDocument ?? {}
  if (!document || errors.length > 0) throw new Error(JSON.stringify(answer))
  return document
}

export const deleteDocument = (world: World, secret: string, id: string) =>
  world.gql(
    secret,
    'mutation ($id: ID!) { deleteDocument(input: { id: $id }) { deletedId errors { code path } } }',
    { id },
  )

/** The codes of what an upload was refused for, of either kind. */
export const refusalOf = ({ data, errors = [] }: Partial<Answer<any>>): unknown =>
  errors.length > 0
    ? errors.map(({ extensions }) => extensions.code)
    : data.uploadDocument.errors.map(({ code }: { code: string }) => code)

export const download = (
  world: World,
  secret: string | null,
  id: string,
  init: RequestInit = {},
): Promise<Response> =>
  world.app.fetch(
    new Request(`http://latchkey.test/documents/${id}`, {
      ...(secret !== null && { headers: { authorization: `Bearer ${secret}` } }),
      ...init,
    }),
  )

/** The names of the files in a folder, those of its folders included; none where there is no folder. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}
