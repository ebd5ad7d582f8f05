import { expect } from 'vitest'
import type { Answer, World } from '../setup/world.ts'

/** What keys and tokens used, and when last, is written behind the requests, refused ones included. */
const writtenLater = [
  'ApiKeyUsage',
  'ApiKeyPermissionUsage',
  'ApiKeySpaceUsage',
  'AccessTokenUsage',
  '_prisma_migrations',
]

/**
 * What the database holds, table by table: how many rows and a sum over all their values, epochs
 * and audit heads included.
 */
async function stored({ deps }: World): Promise<readonly unknown[]> {
  const tables = await deps.prisma.$queryRaw<{ name: string }[]>`
    SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`
  const sums = tables
    .filter(({ name }) => !writtenLater.includes(name))
    .map(
      ({ name }) => `SELECT '${name}' AS table, count(*)::int AS rows,
        md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) AS sum FROM "${name}" t`,
    )
  return deps.prisma.$queryRawUnsafe<unknown[]>(sums.join(' UNION ALL '))
}

const codes = new Set([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'WORKSPACE_NOT_FOUND',
  'BAD_USER_INPUT',
  'QUERY_TOO_COMPLEX',
  'RATE_LIMITED',
  'SERVICE_UNAVAILABLE',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'BAD_REQUEST',
])

/** Words that only a stack, a driver, SQL or a file of the server would say. */
const internals =
  /\bat \S+ \(|node_modules|file:\/\/|\.ts\b|prisma|postgres|pglite|\b(SELECT|INSERT|UPDATE) .*\b(FROM|INTO|SET)\b|\bP20\d\d\b|constraint|Unexpected token|JSON at position/i

/** Every error has a code of the closed set and the request's id, and tells nothing of the inside. */
export function expectSafe({ status, headers, errors }: Answer<unknown>): void {
  expect(status).toBeLessThan(500)
  const requestId = headers.get('x-request-id')
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/)
  for (const { message, extensions } of errors) {
    expect(codes, message).toContain(extensions.code)
    expect(extensions.requestId).toBe(requestId)
    expect(message).not.toMatch(internals)
    expect(JSON.stringify(extensions)).not.toMatch(internals)
  }
}

export type Input = Readonly<Record<string, unknown>>

const operation = (mutation: string): string => {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`
  return `mutation ($input: ${type}!) { ${mutation}(input: $input) { errors { code message path } } }`
}

interface Problem {
  readonly code: string
  readonly message: string
  readonly path: readonly string[] | null
}

/** Does the work, and fails when anything was stored by it. */
export async function storesNothing<T>(world: World, work: () => Promise<T>): Promise<T> {
  const before = await stored(world)
  const value = await work()
  expect(await stored(world)).toEqual(before)
  return value
}

/**
 * What a mutation is refused with, each problem as `CODE path.to.the.field`: an expected failure as
 * data, or a top-level error by its code alone.
 */
export async function problemsOf(
  world: World,
  secret: string,
  mutation: string,
  input: Input,
): Promise<string[]> {
  const answer = await world.gql(secret, operation(mutation), { input })
  expectSafe(answer)
  const problems: readonly Problem[] = answer.data?.[mutation]?.errors ?? []
  for (const { message } of problems) expect(message).not.toMatch(internals)
  return [
    ...answer.errors.map(({ extensions }) => String(extensions.code)),
    ...problems.map(({ code, path }) => `${code} ${(path ?? []).join('.')}`),
  ]
}

/** `problemsOf` of one mutation that must have stored nothing. */
export const refusal = (...call: Parameters<typeof problemsOf>): Promise<string[]> =>
  storesNothing(call[0], () => problemsOf(...call))
