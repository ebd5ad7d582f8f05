import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc, { type GeneratorValue } from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { newId } from '../../src/ids.ts'
import { everyPlace, type Place, seedRows } from '../input/every-input.ts'
import { leastOfRequest, mostOfRequest } from '../setup/request-time.ts'
import { createWorld, type World } from '../setup/world.ts'
import {
  generatedMutation,
  generatedQuery,
  type KnownIds,
  type Operation,
} from './generated-operation.ts'
import { createLargeCallers } from './large-callers.ts'
import { createLargeWorkspace } from './large-workspace.ts'

/** More with RANDOM_OPERATIONS; a failure prints the seed, which RANDOM_SEED repeats. */
const count = Number(process.env.RANDOM_OPERATIONS || 500)
const seedGiven = process.env.RANDOM_SEED

vi.setConfig({ testTimeout: 120_000 + count * 1_000 })

const mebibyte = 1_048_576

let world: World
let ids: KnownIds
let places: readonly Place[]
/** Of the workspace with the largest lists: the owner's key, keys for all and for few spaces, a token. */
let secrets: readonly string[]
/** Of another workspace, which hostile texts may change. */
let other: string

beforeAll(async () => {
  // Its statistics must not plan the statements of the next file.
  world = await createWorld({ isNew: true })
  const large = await createLargeWorkspace(world)
  const callers = await createLargeCallers(world, large)
  const { accessToken } = world.deps.prisma
  const [tokenId = ''] = callers.ids.accessToken ?? []
  const minted = await accessToken.findFirstOrThrow({ where: { id: tokenId } })
  const narrowings = minted.narrowings ?? {}
  const others = Array.from({ length: 99 }, () => newId('tok'))
  await accessToken.createMany({
    data: others.map((id) => ({ ...minted, narrowings, id, familyId: id })),
  })
  secrets = callers.secrets
  ids = { ...callers.ids, accessToken: [tokenId, ...others] }
  const workspace = await world.createWorkspace()
  other = workspace.secret
  places = [...everyPlace(await seedRows(world, workspace))]
})
afterAll(() => world.close())

const pieces = [
  'a',
  ' ',
  '\\',
  '"',
  '"""',
  '["',
  '{a:"',
  '\0',
  'a\u0301',
  '9',
  'a@a.',
  ':',
  '/',
  '\ud800',
]

/** A text of up to a megabyte of JSON, of one piece or two by turns, in a random input. */
function hostileText(next: GeneratorValue): Operation {
  const place = next(fc.constantFrom, ...places)
  const unit = next(fc.constantFrom, ...pieces) + next(fc.constantFrom, '', ...pieces)
  const bytes = Buffer.byteLength(JSON.stringify(unit)) - 2
  const most = next(fc.constantFrom, 100, 10_000, mebibyte - 20_000)
  return place.operation([unit.repeat(Math.max(1, Math.floor(most / bytes)))])
}

/** How many objects and other values there are. */
function sizeOf(value: unknown): { objects: number; values: number } {
  if (typeof value !== 'object' || value === null) return { objects: 0, values: 1 }
  const own = Array.isArray(value) ? 0 : 1
  return Object.values(value)
    .map(sizeOf)
    .reduce(
      (sum, { objects, values }) => ({
        objects: sum.objects + objects,
        values: sum.values + values,
      }),
      { objects: own, values: 0 },
    )
}

async function expectBounded(secret: string, { query, variables }: Operation): Promise<void> {
  const { value, all, hold } = await leastOfRequest(() => world.gql(secret, query, variables))
  const { status, data, errors } = value
  expect(all, query).toBeLessThan(mostOfRequest.all)
  expect(hold, query).toBeLessThan(mostOfRequest.hold)
  expect(Buffer.byteLength(JSON.stringify({ data, errors })), query).toBeLessThan(8.5 * mebibyte)
  const { objects, values } = sizeOf(data ?? {})
  expect(objects, query).toBeLessThanOrEqual(10_001)
  expect(values, query).toBeLessThanOrEqual(250_000)
  expect(status < 500 || status === 503, query).toBe(true)
  for (const { extensions } of errors)
    expect(extensions.code, query).not.toBe('INTERNAL_SERVER_ERROR')
}

/** The files of the database, in bytes: a test's own, which is embedded, keeps them in this process. */
async function filesInMemory(): Promise<number> {
  const { embedded, prisma } = world.deps
  if (!embedded) return 0
  const [files] = await prisma.$queryRaw<{ bytes: bigint }[]>`
    SELECT pg_database_size(current_database()) + (SELECT sum(size)::bigint FROM pg_ls_waldir()) AS bytes`
  return Number(files?.bytes)
}

/** What is used besides once garbage has been collected, in bytes. */
async function memory(): Promise<number> {
  const files = await filesInMemory()
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc')
  gc()
  // What the first collection found of buffers is given back with the next.
  gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external - files
}

const aliases = (field: string, count: number): string =>
  Array.from({ length: count }, (_, n) => `a${n}: ${field}`).join(' ')

/** Operations that took seconds, or held the event loop, before they were mended. */
const onceTooLong = (key: string | undefined, agent: string | undefined): string[] => [
  '{ accessTokens(first: 1) { nodes { spaces { agents(first: 5) { pageInfo { hasNextPage } } } } } }',
  '{ accessTokens(first: 100) { nodes { spaceIds } } }',
  `{ apiKey(id: "${key}") { spaces { space { apiKeys(first: 5) { nodes { id } } } } } }`,
  `{ agent(id: "${agent}") { spaces { agents(first: 1) { nodes { id } } } } }`,
  `{ apiKey(id: "${key}") { spaces { ${aliases('effectivePermissions', 28)} } } }`,
  `{ scopes(first: 50) { nodes { apiKeys(first: 20) { nodes { ${aliases('permissions', 28)} } } } } }`,
  '{ spaces { nodes { agents { nodes { id } } } } }',
  '{ scopes(first: 100) { nodes { apiKeys(first: 30) { nodes { id } } } } }',
  '{ workspace { apiKeyCount } scopes(first: 50) { nodes { keyCount } } }',
  '{ sessions(first: 1) { nodes { runs(first: 5) { nodes { session { runs { nodes { input } } } } } } } }',
]

test('pages inside many parents, by callers of all, many and few spaces', async () => {
  // A statement may be planned otherwise from the sixth time on.
  for (const secret of [...secrets, ...Array<string>(6).fill(secrets[1] ?? '')])
    for (const query of onceTooLong(ids.apiKey?.[0], ids.agent?.[0]))
      await expectBounded(secret, { query, variables: {} })
})

test('a megabyte in place of a value of an enum', async () => {
  const query =
    'mutation ($input: UpdateScopeInput!) { updateScope(input: $input) { errors { code } } }'
  const variables = { input: { id: 'scp_none', agentAccess: 'a@a.'.repeat(257_000) } }
  await expectBounded(other, { query, variables })
})

test('random operations over the largest lists and texts: each answer, its time and its memory are bounded', async () => {
  for (let warm = 0; warm < 20; warm += 1) await world.gql(other, '{ viewer { kind } }')
  const before = await memory()
  await fc.assert(
    fc.asyncProperty(fc.gen(), fc.nat(), async (next, which) => {
      if (which % 3 === 0) await expectBounded(other, hostileText(next))
      else if (which % 11 === 0) await expectBounded(secrets[0] ?? '', generatedMutation(next, ids))
      else await expectBounded(secrets[which % secrets.length] ?? '', generatedQuery(next, ids))
    }),
    {
      numRuns: count,
      endOnFailure: true,
      ...(seedGiven !== undefined && { seed: Number(seedGiven) }),
    },
  )
  expect((await memory()) - before).toBeLessThan(100 * mebibyte)
})
