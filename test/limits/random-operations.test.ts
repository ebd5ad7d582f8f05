import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc, { type GeneratorValue } from 'fast-check'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { everyPlace, type Place, seedRows } from '../input/every-input.ts'
import { mint } from '../modules/access-token/ask.ts'
import { longestTurn } from '../setup/longest-turn.ts'
import { processorTime } from '../setup/processor-time.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type World } from '../setup/world.ts'
import { generatedQuery, type KnownIds } from './generated-operation.ts'
import { createLargeWorkspace } from './large-workspace.ts'

/** More with RANDOM_OPERATIONS; a failure prints the seed, which RANDOM_SEED repeats. */
const count = Number(process.env.RANDOM_OPERATIONS || 500)
const seedGiven = process.env.RANDOM_SEED

vi.setConfig({ testTimeout: 120_000 + count * 1_000 })

const mebibyte = 1_048_576

interface Operation {
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>>
}

let world: World
let ids: KnownIds
let places: readonly Place[]
/** Of the workspace with the largest lists: the owner's key, keys for all and for few spaces, a token. */
let secrets: readonly string[]
/** Of another workspace, which hostile texts may change. */
let other: string

beforeAll(async () => {
  world = await createWorld()
  const large = await createLargeWorkspace(world)
  const make = seed(world, large.secret)
  const named = (spaceIds: readonly string[]) => ({
    permissions: ['*:read', 'members:read', 'scopes:read', 'keys:read', 'tokens:read'],
    scopeIds: large.scopeIds,
    spaces: spaceIds.map((spaceId) => ({ spaceId })),
  })
  const all = await make.key({ name: 'all', ...named(large.spaceIds) })
  const few = await make.key({ name: 'few', ...named(large.spaceIds.slice(0, 3)) })
  const tokens = []
  for (let made = 0; made < 100; made += 1) tokens.push(await mint(world, all.secret))
  secrets = [large.secret, all.secret, few.secret, tokens[0]?.token ?? '']
  const [run] = await world.deps.prisma.run.findMany({ take: 1 })
  const [document] = await world.deps.prisma.document.findMany({ take: 1 })
  ids = {
    space: large.spaceIds,
    agent: large.agentIds,
    apiKey: [...large.keyIds, all.id, few.id],
    scope: large.scopeIds,
    session: large.sessionIds,
    member: [large.ownerMemberId],
    accessToken: tokens.map(({ id }) => id),
    run: [run?.id ?? ''],
    document: [document?.id ?? ''],
  }
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

/** Milliseconds; the embedded database works on the same thread. */
const longestHold = inject('postgres') === null ? 500 : 250

async function expectBounded(secret: string, { query, variables }: Operation): Promise<void> {
  const { value, ms: hold } = await longestTurn(() =>
    processorTime(() => world.gql(secret, query, variables)),
  )
  const { status, data, errors } = value.value
  expect(value.ms, query).toBeLessThan(2_000)
  expect(hold, query).toBeLessThan(longestHold)
  expect(Buffer.byteLength(JSON.stringify({ data, errors })), query).toBeLessThan(8.5 * mebibyte)
  const { objects, values } = sizeOf(data ?? {})
  expect(objects, query).toBeLessThanOrEqual(10_001)
  expect(values, query).toBeLessThanOrEqual(250_000)
  expect(status < 500 || status === 503, query).toBe(true)
  for (const { extensions } of errors)
    expect(extensions.code, query).not.toBe('INTERNAL_SERVER_ERROR')
}

/** What is used once garbage has been collected, in bytes. */
function memory(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

test('random operations over the largest lists and texts: each answer, its time and its memory are bounded', async () => {
  for (let warm = 0; warm < 20; warm += 1) await world.gql(other, '{ viewer { kind } }')
  const before = memory()
  await fc.assert(
    fc.asyncProperty(fc.gen(), fc.nat(), async (next, which) => {
      if (which % 3 === 0) await expectBounded(other, hostileText(next))
      else
        await expectBounded(secrets[which % secrets.length] ?? '', {
          query: generatedQuery(next, ids),
        })
    }),
    {
      numRuns: count,
      endOnFailure: true,
      ...(seedGiven !== undefined && { seed: Number(seedGiven) }),
    },
  )
  expect(memory() - before).toBeLessThan(100 * mebibyte)
})
