import { z } from 'zod'
import type { Deps } from '../../deps.ts'
import { type UserError, UserInputError } from '../../errors.ts'
import { emailKey } from '../../input/email.ts'
import { isStorable } from '../../input/text.ts'
import { findWorkspaceId } from '../workspace/slug.ts'
import { importAsOperator, maxGrantsAtOnce, type OperatorImport } from './import-keys.ts'
import type { LegacyKeyInput } from './legacy-key.input.ts'

/** In one transaction. */
const maxKeysAtOnce = 1_000

const cell = z.string().default('')
const list = cell.transform((text) => text.split(/\s+/).filter((word) => word !== ''))
/** In any case: spreadsheets write TRUE. */
const oneOf = <const Value extends string>(name: string, values: readonly Value[]) =>
  z
    .string()
    .transform((text) => values.find((value) => value.toLowerCase() === text.toLowerCase()) ?? text)
    .pipe(z.enum(values, `the ${name} is not one of ${values.join(', ')}`))

/** A row of an operator's file, by its columns; those that may be left out may be empty as well. */
export const keyOfFile = z.object({
  name: z.string(),
  value: z.string(),
  encoding: oneOf('encoding', ['PLAINTEXT', 'SHA256_HEX', 'SHA256_BASE64']),
  /** A user id, or the e-mail address of a member. */
  owner: z.string(),
  start: z.string().optional(),
  last4: z.string().optional(),
  spaceIds: list,
  allSpaces: cell
    .refine((text) => /^(true|false|)$/i.test(text), 'allSpaces is neither true nor false')
    .transform((text) => text.toLowerCase() === 'true'),
  permissions: list,
  level: cell.transform((text) => text || 'workspace').pipe(oneOf('level', ['workspace', 'user'])),
})

/** A legacy key in an operator's file. */
export type KeyOfFile = Readonly<z.infer<typeof keyOfFile>>

interface FileImport {
  /** The slug of the workspace that it is for; absent: the only one, if there is only one. */
  readonly workspace?: string | undefined
  /** Checks everything, stores nothing. */
  readonly dryRun: boolean
}

/** The result of a file. */
export interface ImportedFile {
  /** Of each key, each path leading to a column; undefined: the import failed before it was known. */
  readonly results: readonly (OperatorImport | undefined)[]
  /** Why the import failed; undefined: it did not. */
  readonly failure: unknown
}

const isEmail = ({ owner }: KeyOfFile): boolean => owner.includes('@')

/**
 * Finds the owners who are given by their addresses, by `emailKey`. An address is looked up in the
 * workspace that is named: there its members were entered by who may, elsewhere by anybody.
 */
async function findByEmail({ prisma }: Deps, keys: readonly KeyOfFile[], workspaceId = '') {
  const emails = keys.filter(isEmail).map(({ owner }) => owner)
  const isGiven = { in: [...new Set(emails.filter(isStorable).map(emailKey))] }
  const rows = await prisma.member.findMany({
    where: { workspaceId, emailKey: isGiven, removedAt: null },
    select: { userId: true, emailKey: true },
  })
  return new Map(rows.map((row) => [row.emailKey, row.userId]))
}

/** The user id of the owner, or why the key cannot be imported, as far as the file alone tells. */
function resolveOwner(
  key: KeyOfFile,
  workspaceId: string | undefined,
  byEmail: ReadonlyMap<string | null, string>,
): string | UserError {
  const { level, owner, spaceIds, allSpaces, permissions } = key
  const refused = (code: UserError['code'], column: string, message: string): UserError => {
    return { code, path: ['input', column], message }
  }
  if (workspaceId === undefined && level === 'workspace')
    return refused('INVALID', 'level', 'There are several workspaces: name one.')
  if (workspaceId === undefined && isEmail(key))
    return refused('INVALID', 'owner', 'There are several workspaces: name one, or give an id.')
  const ownerId = isEmail(key) ? byEmail.get(emailKey(owner)) : owner
  if (ownerId === undefined)
    return refused('NOT_FOUND', 'owner', 'No member has this e-mail address.')
  if (level === 'user' && (spaceIds.length > 0 || allSpaces || permissions.length > 0)) {
    const message = 'A user-level key has all that its owner has: no terms of its own.'
    return refused('INVALID', 'level', message)
  }
  return ownerId
}

type ReadyKey = LegacyKeyInput & { readonly key: KeyOfFile }

/** Splits keys into those of one transaction each. A dry run stores none, and plans all of them together. */
function chunksOf(keys: readonly ReadyKey[], { dryRun }: FileImport): ReadyKey[][] {
  const chunks: ReadyKey[][] = []
  let grants = 0
  for (const ready of keys) {
    const spaces = ready.key.spaceIds.length
    const last = chunks.at(-1)
    grants += spaces
    if (last && (dryRun || (last.length < maxKeysAtOnce && grants <= maxGrantsAtOnce)))
      last.push(ready)
    else {
      chunks.push([ready])
      grants = spaces
    }
  }
  return chunks
}

/** With paths that lead to the columns of a file. */
const inFile = ({ isKnown, errors }: OperatorImport): OperatorImport => {
  const columnOf = (field: string): string => (field === 'ownerId' ? 'owner' : field)
  const toColumn = ({ path, ...error }: UserError): UserError => {
    return { ...error, path: (path ?? []).slice(1).map(columnOf) }
  }
  return { isKnown, errors: errors.map(toColumn) }
}

/**
 * Imports the legacy keys of an operator's file, at most a thousand in a transaction, those of a
 * workspace before user-level ones. A refused key does not keep out the others; the same ones again
 * change nothing. Where a transaction fails, those before it are imported, and none after it.
 *
 * @throws RequestError WORKSPACE_NOT_FOUND for a slug that no workspace has
 */
export async function importFile(
  deps: Deps,
  keys: readonly KeyOfFile[],
  options: FileImport,
): Promise<ImportedFile> {
  const workspaceId = await findWorkspaceId(deps, options.workspace)
  const results = new Map<KeyOfFile | undefined, OperatorImport>()

  const importChunk = async (chunk: readonly ReadyKey[]): Promise<OperatorImport[]> => {
    try {
      const isUserLevel = workspaceId === undefined || chunk[0]?.key.level === 'user'
      return await importAsOperator(deps, isUserLevel ? null : workspaceId, chunk, options)
    } catch (error) {
      if (!(error instanceof UserInputError)) throw error
      return chunk.map(() => ({ isKnown: false, errors: error.errors }))
    }
  }
  const importAll = async (): Promise<void> => {
    const byEmail = await findByEmail(deps, keys, workspaceId)
    const ready: ReadyKey[] = []
    for (const key of keys) {
      const owner = resolveOwner(key, workspaceId, byEmail)
      if (typeof owner === 'string') ready.push({ ...key, ownerId: owner, key })
      else results.set(key, inFile({ isKnown: false, errors: [owner] }))
    }
    const { workspace = [], user = [] } = Object.groupBy(ready, ({ key }) => key.level)
    for (const chunk of [...chunksOf(workspace, options), ...chunksOf(user, options)])
      (await importChunk(chunk)).forEach((result, index) => {
        results.set(chunk[index]?.key, inFile(result))
      })
  }
  let failure: unknown
  await importAll().catch((error: unknown) => {
    failure = error
  })
  return { results: keys.map((key) => results.get(key)), failure }
}
