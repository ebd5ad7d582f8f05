import type { Deps } from '../../deps.ts'
import { type UserError, UserInputError } from '../../errors.ts'
import { emailKey } from '../../input/email.ts'
import { isStorable } from '../../input/text.ts'
import { noSuchWorkspace } from '../workspace/slug.ts'
import { importLegacyKeysAsOperator, maxGrantsAtOnce } from './import-keys.ts'
import type { LegacySecretInput } from './secret-input.ts'
import { importUserLevelKeys } from './user-level-import.ts'

/** In one transaction. */
const maxKeysAtOnce = 1_000

/** A legacy key as an operator's file has it. */
export interface KeyOfFile extends LegacySecretInput {
  readonly name: string
  /** A user id, or the e-mail address of a member. */
  readonly owner: string
  /** Of one workspace, or a person's in all of theirs. */
  readonly level: 'workspace' | 'user'
  readonly spaceIds: readonly string[]
  readonly allSpaces: boolean
  readonly permissions: readonly string[]
}

/** What came of one of them. */
export interface ImportedOfFile {
  /** Whether it was there already. */
  readonly isKnown: boolean
  /** Why it was not imported; each path leads to a column. */
  readonly errors: readonly UserError[]
}

interface FileImport {
  /** The slug of the workspace that it is for; absent: the only one, if there is only one. */
  readonly workspace?: string | undefined
  /** Checks everything, stores nothing. */
  readonly dryRun: boolean
}

/** @throws RequestError WORKSPACE_NOT_FOUND for a slug that no workspace has */
async function findWorkspaceId(
  { prisma }: Deps,
  slug: string | undefined,
): Promise<string | undefined> {
  const where = slug === undefined ? {} : { slug }
  const [found, another] = await prisma.workspace.findMany({ where, take: 2, select: { id: true } })
  if (slug !== undefined && found === undefined) throw noSuchWorkspace(slug)
  return another === undefined ? found?.id : undefined
}

const refused = (code: UserError['code'], field: string, message: string): ImportedOfFile => ({
  isKnown: false,
  errors: [{ code, path: ['input', field], message }],
})

/** By address folded for comparison, the user ids of a workspace's members with these addresses. */
async function findByEmail(
  { prisma }: Deps,
  emails: readonly string[],
  workspaceId: string,
): Promise<ReadonlyMap<string | null, string>> {
  const rows = await prisma.member.findMany({
    where: {
      workspaceId,
      emailKey: { in: [...new Set(emails.filter(isStorable).map(emailKey))] },
      removedAt: null,
    },
    select: { userId: true, emailKey: true },
  })
  return new Map(rows.map((row) => [row.emailKey, row.userId]))
}

type Resolved = KeyOfFile & { readonly ownerId: string }

/**
 * Puts user ids in the place of addresses, or says why not. An address is one of a workspace: there
 * its members were entered by who may, elsewhere by anybody.
 */
async function resolveOwners(
  deps: Deps,
  keys: readonly KeyOfFile[],
  workspaceId: string | undefined,
): Promise<(Resolved | ImportedOfFile)[]> {
  const isEmail = ({ owner }: KeyOfFile): boolean => owner.includes('@')
  const emails = keys.filter(isEmail).map(({ owner }) => owner)
  const byEmail =
    workspaceId === undefined ? undefined : await findByEmail(deps, emails, workspaceId)
  return keys.map((key) => {
    if (!isEmail(key)) return { ...key, ownerId: key.owner }
    if (byEmail === undefined)
      return refused('INVALID', 'owner', 'There are several workspaces: name one, or give an id.')
    const ownerId = byEmail.get(emailKey(key.owner))
    if (ownerId === undefined)
      return refused('NOT_FOUND', 'owner', 'No member has this e-mail address.')
    return { ...key, ownerId }
  })
}

/** With a path inside the one key, by the names that a file has. */
const inFile = ({ path, ...error }: UserError): UserError => ({
  ...error,
  path: (path ?? [])
    .slice(path?.[1] === 'keys' ? 3 : 1)
    .map((name) => (name === 'ownerId' ? 'owner' : name)),
})

/** What all of a workspace's keys have in common is told of each. */
async function importOfWorkspace(
  deps: Deps,
  workspaceId: string,
  keys: readonly Resolved[],
  dryRun: boolean,
): Promise<readonly ImportedOfFile[]> {
  try {
    return (await importLegacyKeysAsOperator(deps, workspaceId, { keys, dryRun })).results
  } catch (error) {
    if (!(error instanceof UserInputError)) throw error
    return keys.map(() => ({ isKnown: false, errors: error.errors }))
  }
}

const isReady = (it: Resolved | ImportedOfFile): it is Resolved => 'ownerId' in it

/** Imports what has an owner, and puts what came of it in the others' places between. */
async function importReady(
  keys: readonly (Resolved | ImportedOfFile)[],
  importAll: (ready: readonly Resolved[]) => Promise<readonly ImportedOfFile[]>,
): Promise<ImportedOfFile[]> {
  const ready = keys.filter(isReady)
  const results = ready.length === 0 ? [] : await importAll(ready)
  const byKey = new Map(ready.map((key, index) => [key, results[index]]))
  return keys.flatMap((it) => (isReady(it) ? (byKey.get(it) ?? []) : it))
}

const hasTerms = ({ spaceIds, allSpaces, permissions }: KeyOfFile): boolean =>
  spaceIds.length > 0 || allSpaces || permissions.length > 0

const ownTerms = refused(
  'INVALID',
  'level',
  'A user-level key has all that its owner has: no terms of its own.',
)

/** Imports keys of one level. */
async function importChunk(
  deps: Deps,
  workspaceId: string | undefined,
  keys: readonly KeyOfFile[],
  { dryRun }: FileImport,
): Promise<ImportedOfFile[]> {
  if (keys[0]?.level === 'user') {
    const resolved = await resolveOwners(deps, keys, workspaceId)
    return await importReady(
      resolved.map((it) => (isReady(it) && hasTerms(it) ? ownTerms : it)),
      (ready) => importUserLevelKeys(deps, ready, { dryRun }),
    )
  }
  if (workspaceId === undefined)
    return keys.map(() => refused('INVALID', 'level', 'There are several workspaces: name one.'))
  return await importReady(await resolveOwners(deps, keys, workspaceId), (ready) =>
    importOfWorkspace(deps, workspaceId, ready, dryRun),
  )
}

/** Keys to import in one transaction each. A dry run stores none, and judges all of them together. */
function chunksOf(keys: readonly KeyOfFile[], { dryRun }: FileImport): (readonly KeyOfFile[])[] {
  if (dryRun) return keys.length === 0 ? [] : [keys]
  const chunks: KeyOfFile[][] = []
  let grants = 0
  for (const key of keys) {
    const last = chunks.at(-1)
    grants += key.spaceIds.length
    if (last !== undefined && last.length < maxKeysAtOnce && grants <= maxGrantsAtOnce)
      last.push(key)
    else {
      chunks.push([key])
      grants = key.spaceIds.length
    }
  }
  return chunks
}

/** What came of a file. */
export interface ImportedFile {
  /** What came of each key, in their order; undefined: nothing is known of it, for the import has failed. */
  readonly results: readonly (ImportedOfFile | undefined)[]
  /** Why it failed; absent: it did not. */
  readonly failure?: unknown
}

/**
 * Imports the legacy keys of an operator's file, at most a thousand in a transaction. What is wrong
 * with one is told of that one, and the others are imported; the same ones again change nothing. Where
 * a transaction fails, those before it are imported, and none after it.
 *
 * @throws RequestError WORKSPACE_NOT_FOUND for a slug that no workspace has
 */
export async function importFile(
  deps: Deps,
  keys: readonly KeyOfFile[],
  options: FileImport,
): Promise<ImportedFile> {
  const workspaceId = await findWorkspaceId(deps, options.workspace)
  const results = new Map<KeyOfFile, ImportedOfFile | undefined>()
  const ended = (failure?: unknown): ImportedFile => ({
    results: keys.map((key) => results.get(key)),
    ...(failure !== undefined && { failure }),
  })
  for (const level of ['workspace', 'user'] as const)
    for (const chunk of chunksOf(
      keys.filter((key) => key.level === level),
      options,
    ))
      try {
        const imported = await importChunk(deps, workspaceId, chunk, options)
        imported.forEach(({ isKnown, errors }, index) => {
          const key = chunk[index]
          if (key !== undefined) results.set(key, { isKnown, errors: errors.map(inFile) })
        })
      } catch (failure) {
        return ended(failure)
      }
  return ended()
}
