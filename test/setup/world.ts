import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { type ExecutionResult, print } from 'graphql'
import { pino } from 'pino'
import { type App, createApp } from '../../src/app.ts'
import type { Database } from '../../src/db/client.ts'
import type { Deps } from '../../src/deps.ts'
import { createFirstWorkspace } from '../../src/modules/workspace/bootstrap.ts'
import { openTestDatabase } from './database.ts'
import { type DepsOptions, depsOver, ownFolder } from './deps.ts'

/** An answer with its HTTP status and headers. */
export interface Answer<Data> {
  readonly status: number
  readonly headers: Headers
  readonly data: Data
  readonly errors: readonly {
    readonly message: string
    readonly path?: readonly (string | number)[]
    readonly extensions: Readonly<Record<string, unknown>>
  }[]
}

/** A workspace of the test, with its owner's key. */
export interface TestWorkspace {
  readonly id: string
  readonly slug: string
  readonly ownerId: string
  readonly ownerMemberId: string
  /** Everything, in all spaces. */
  readonly secret: string
  readonly keyId: string
}

export interface World {
  readonly app: App
  readonly deps: Deps
  /** Every line that was logged. */
  readonly logs: readonly string[]
  /** Where documents are, unless they are told to be somewhere else. */
  readonly documentsFolder: string
  /** Where files are that are on their way to a bucket. */
  readonly incomingFolder: string
  /**
   * Sends an operation with a key; `secret` null: without. A File among the variables makes it a form;
   * where `$file: File!` is declared and not given, some file is sent. Nothing of the answer is checked.
   */
  gql<Data = any>(
    secret: string | null,
    query: string,
    variables?: Readonly<Record<string, unknown>>,
    options?: { readonly address?: string; readonly headers?: Record<string, string> },
  ): Promise<Answer<Data>>
  /** Sends an operation of test/operations or GraphiQL's tabs, typed by codegen.ts. */
  run<Data, Variables extends Readonly<Record<string, unknown>>>(
    secret: string | null,
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ): Promise<Answer<Data | null>>
  createWorkspace(): Promise<TestWorkspace>
  close(): Promise<void>
}

export interface WorldOptions extends DepsOptions {
  readonly trustedProxies?: readonly string[]
  /** A database that is gone once the world is closed. */
  readonly isNew?: boolean
  /** Another database than one that is made for it; it is closed with the world all the same. */
  readonly database?: Database
}

type Variables = Readonly<Record<string, unknown>>

/** The file among the values, and the way to it. */
function fileIn(values: Variables, way: string): { file: File; path: string } | undefined {
  for (const [name, value] of Object.entries(values)) {
    const path = `${way}.${name}`
    if (value instanceof File) return { file: value, path }
    const inside =
      typeof value === 'object' && value !== null ? fileIn(value as Variables, path) : undefined
    if (inside !== undefined) return inside
  }
  return undefined
}

/** An operation with a file by the GraphQL multipart request specification; undefined for others. */
function formOf(query: string, variables: Variables): FormData | undefined {
  const found = fileIn(variables, 'variables')
  if (found === undefined) return undefined
  const form = new FormData()
  const withoutFile = (_: string, value: unknown) => (value instanceof File ? null : value)
  form.set('operations', JSON.stringify({ query, variables }, withoutFile))
  form.set('map', JSON.stringify({ file: [found.path] }))
  form.set('file', found.file)
  return form
}

const someFile = new File(['text'], 'text.txt')

/** Sends operations to an application, as `World.gql` does. */
export const gqlOver =
  (app: App): World['gql'] =>
  async (secret, query, variables, { address, headers } = {}) => {
    const file = query.includes('$file: File!') ? { file: someFile } : {}
    const form = formOf(query, { ...file, ...variables })
    const request = new Request('http://latchkey.test/graphql', {
      method: 'POST',
      headers: {
        ...(form === undefined && { 'content-type': 'application/json' }),
        ...(secret !== null && { authorization: `Bearer ${secret}` }),
        ...headers,
      },
      body: form ?? JSON.stringify({ query, variables }),
    })
    const response = await app.fetch(request, address === undefined ? {} : { address })
    const body = (await response.json()) as ExecutionResult
    return {
      status: response.status,
      headers: response.headers,
      data: body.data as never,
      errors: (body.errors ?? []) as never,
    }
  }

/** The application on a database of its own, through its front door. */
export async function createWorld({
  trustedProxies = [],
  isNew = false,
  database: given,
  ...options
}: WorldOptions = {}): Promise<World> {
  const database = given ?? (await openTestDatabase({ isNew }))
  const logs: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line: string) => void logs.push(line) })
  const own = ownFolder()
  const incoming = ownFolder().folder
  const documents = { location: own, ...options.documents }
  const deps = await depsOver(database, logger, { ...options, documents, incoming })
  const app = createApp(deps, { graphiql: true, introspection: 'public', trustedProxies })

  const gql = gqlOver(app)

  const run: World['run'] = (secret, document, variables) => gql(secret, print(document), variables)

  const createWorkspace = async (): Promise<TestWorkspace> => {
    const slug = `w-${randomBytes(6).toString('hex')}`
    const { apiKey, secret } = await createFirstWorkspace(deps, {
      name: slug,
      slug,
      plan: 'ENTERPRISE',
      owner: { name: 'Olga Owner', email: 'olga@example.com' },
    })
    const { workspaceId, ownerId, id } = apiKey
    const member = await deps.prisma.member.findUniqueOrThrow({
      where: { workspaceId_userId: { workspaceId, userId: ownerId } },
    })
    return { id: workspaceId, slug, ownerId, ownerMemberId: member.id, secret, keyId: id }
  }

  const close = async (): Promise<void> => {
    await deps.runtime.underWay.close(0)
    await deps.usage.close()
    deps.limits.close()
    await database.close()
    await deps.documents.storage.close()
    for (const folder of [own.folder, incoming]) await rm(folder, { recursive: true, force: true })
  }
  const folders = { documentsFolder: own.folder, incomingFolder: incoming }
  return { app, deps, logs, ...folders, gql, run, createWorkspace, close }
}
