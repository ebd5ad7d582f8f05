import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { humanKey } from '../setup/human.ts'
import { outcome } from '../setup/outcome.ts'
import { type View, view } from '../setup/view.ts'
import { closed, excess, inputOf, kept, type Wanted, wanted } from './generated-keys.ts'
import { createGeneratedWorld } from './generated-world.ts'

const { world, workspace, spaceIds, robot, personOf } = await createGeneratedWorld()
let count = 0
afterAll(() => world.close())

/** The caller's key has these besides, so that it can ask at all. */
const asking = ['keys:read', 'keys:create']

const pair = fc
  .tuple(fc.constantFrom('OWNER', 'ADMIN', 'BUILDER', 'MEMBER'), wanted, wanted, fc.nat())
  .map(([role, caller, other, pick]) => {
    const permissions = closed([...asking, ...caller.permissions])
    const part = pick % 5 === 0 ? permissions : kept(caller.permissions, pick)
    const alike = { ...caller, permissions: part }
    return {
      role,
      caller: { ...caller, permissions },
      request:
        pick % 3 === 0
          ? other
          : { ...alike, spaces: pick % 3 === 1 ? other.spaces : caller.spaces },
      isForRobot: pick % 4 === 0,
    }
  })

/** A key for the whole of what the caller declares, by the role's own road to one. */
async function callerKey(role: string, caller: Wanted): Promise<string> {
  const { permissions, allSpaces, spaces } = inputOf(caller, spaceIds) as {
    permissions: string[]
    allSpaces?: boolean
    spaces?: { spaceId: string; permissions?: string[] }[]
  }
  const human = await personOf(role)
  const { secret } = await humanKey(world, workspace, human, {
    permissions,
    allSpaces: allSpaces ?? false,
    grants: (spaces ?? []).map((space) => ({
      spaceId: space.spaceId,
      narrowed: space.permissions !== undefined,
      permissions: space.permissions ?? [],
    })),
  })
  return secret
}

async function create(
  secret: string,
  input: Record<string, unknown>,
): Promise<{ secret: string } | undefined> {
  const { data, errors } = await world.gql(
    secret,
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret errors { code } } }',
    { input: { name: `Generated ${++count}`, ...input } },
  )
  if (errors.length > 0) expect(errors[0]?.extensions.code).toBe('FORBIDDEN')
  const created = data?.createApiKey?.secret
  return created ? { secret: created } : undefined
}

// The rule of the house, through the front door: whatever is asked for, a key yields no stronger one.
test('a key that a key makes does nothing more, and makes its maker again only as an equal', async () => {
  const pairs = fc.sample(pair, { numRuns: 150, seed: 20_260_917 })
  let made = 0
  let equals = 0
  for (const { role, caller, request, isForRobot } of pairs) {
    const maker = await callerKey(role, caller)
    const owner = isForRobot ? { ownerId: robot } : {}
    const outer = (await view(world, maker)) as View
    const created = await create(maker, { ...inputOf(request, spaceIds), ...owner })
    if (created === undefined) continue
    made++
    const inner = (await view(world, created.secret)) as View
    expect({ role, caller, request, excess: excess(inner, outer) }).toMatchObject({ excess: [] })
    const again = await create(created.secret, inputOf(caller, spaceIds))
    if (again === undefined) continue
    equals++
    const copy = (await view(world, again.secret)) as View
    expect(excess(copy, inner)).toEqual([])
    expect(excess(copy, outer)).toEqual([])
  }
  expect(made).toBeGreaterThan(30)
  expect(equals).toBeGreaterThan(3)
})

// And by updates: a key that may change itself ends no stronger than it began.
test('a key that updates itself ends no stronger', async () => {
  const pairs = fc.sample(pair, { numRuns: 40, seed: 4 })
  let changed = 0
  for (const { role, caller, request } of pairs) {
    const permissions = closed([...caller.permissions, 'keys:update'])
    const maker = await callerKey(role, { ...caller, permissions })
    const before = (await view(world, maker)) as View
    const own = await world.gql(maker, '{ viewer { apiKey { id } } }')
    const input = { id: own.data.viewer.apiKey.id, ...inputOf(request, spaceIds) }
    const result = await outcome(world, maker, 'updateApiKey', input)
    const after = (await view(world, maker)) as View
    expect({ caller, request, result, excess: excess(after, before) }).toMatchObject({ excess: [] })
    if (result[0] === 'done') changed++
  }
  expect(changed).toBeGreaterThan(10)
})
