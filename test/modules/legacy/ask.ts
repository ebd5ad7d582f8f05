import { createHash, randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { World } from '../../setup/world.ts'

/** A key to import, as it stands in the input. */
export interface ToImport {
  readonly name: string
  readonly value: string
  readonly encoding: string
  readonly ownerId: string
  readonly [field: string]: unknown
}

/** A secret as another system may have made it: of no shape that is known here. */
export const legacySecret = (): string => `old-${randomBytes(21).toString('base64url')}`

export const sha256 = (secret: string, encoding: 'hex' | 'base64'): string =>
  createHash('sha256').update(secret).digest(encoding)

let count = 0

/** A key of that owner, with a new secret and name, and what else is given. */
export const legacyKey = (ownerId: string, more: object = {}): ToImport => ({
  name: `Legacy ${++count}`,
  value: legacySecret(),
  encoding: 'PLAINTEXT',
  ownerId,
  ...more,
})

/** What came of an import: of the whole call, and of each key by its index. */
export interface Imported {
  /** Errors of the whole call, as `CODE path.to.the.field`. */
  readonly errors: readonly string[]
  /** Of each key `imported` or its errors, each as `CODE field`, the field inside the key. */
  readonly results: readonly (readonly string[])[]
  readonly keys: readonly (any | null)[]
}

interface Problem {
  readonly code: string
  readonly path: readonly string[]
  readonly message: string
}

interface Options {
  readonly dryRun?: boolean
  readonly selection?: string
  readonly address?: string
}

/** Imports keys; the call itself must be answered with its payload. */
export async function importKeys(
  world: Pick<World, 'gql'>,
  secret: string,
  keys: readonly object[],
  { dryRun, selection = 'id', address }: Options = {},
): Promise<Imported> {
  const answer = await world.gql(
    secret,
    `mutation ($input: ImportLegacyKeysInput!) { importLegacyKeys(input: $input) {
      errors { code path message }
      results { index apiKey { ${selection} } errors { code path message } } } }`,
    { input: { keys, dryRun } },
    address === undefined ? {} : { address },
  )
  expect(answer.errors).toEqual([])
  const { errors, results } = answer.data.importLegacyKeys
  const told = ({ code, path }: Problem, skip: number): string =>
    [code, path.slice(skip).join('.')].filter(Boolean).join(' ')
  expect(results.map(({ index }: { index: number }) => index)).toEqual([...results.keys()])
  return {
    errors: errors.map((error: Problem) => told(error, 1)),
    results: results.map((result: { errors: Problem[]; index: number; apiKey: unknown }) => {
      for (const { path } of result.errors)
        expect(path.slice(0, 3)).toEqual(['input', 'keys', String(result.index)])
      if (result.errors.length > 0) expect(result.apiKey).toBeNull()
      return result.errors.length === 0
        ? ['imported']
        : result.errors.map((error) => told(error, 3))
    }),
    keys: results.map(({ apiKey }: { apiKey: unknown }) => apiKey),
  }
}

/** Imports one key, which must succeed, and gives it with its secret. */
export async function importOne(
  world: Pick<World, 'gql'>,
  secret: string,
  key: ToImport,
): Promise<{ readonly id: string; readonly secret: string }> {
  const { results, keys } = await importKeys(world, secret, [key])
  expect(results).toEqual([['imported']])
  return { id: keys[0].id, secret: key.value }
}
