import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { findKeyRecords, type KeyRecord, rightsOf } from '../../src/auth/key-record.ts'
import type { Rights } from '../../src/auth/policy.ts'
import { attempt } from '../modules/api-key/ask.ts'
import { humanKey } from '../setup/human.ts'
import { seed } from '../setup/seed.ts'
import { closed, excess, inputOf, kept, type Wanted, wanted } from './generated-keys.ts'
import { createGeneratedWorld } from './generated-world.ts'

const { world, workspace, spaceIds, robot, personOf } = await createGeneratedWorld()
const make = seed(world, workspace.secret)
let count = 0
const name = (): string => `Generated ${++count}`
afterAll(() => world.close())

const asking = ['keys:read', 'keys:create', 'keys:update', 'scopes:read', 'scopes:update']

/** What of an input is given; bits of `pick` choose. */
const step = fc.record({ wanted, pick: fc.nat(), kind: fc.constantFrom('key', 'scope', 'new') })
const story = fc.record({
  role: fc.constantFrom('OWNER', 'ADMIN'),
  caller: wanted,
  target: wanted,
  pick: fc.nat(),
  steps: fc.array(step, { minLength: 4, maxLength: 4 }),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const bit = (pick: number, at: number): boolean => ((pick >> at) & 1) === 1

async function record(id: string): Promise<KeyRecord> {
  const [found] = await findKeyRecords(world.deps.prisma, workspace.id, [id])
  if (found === undefined) throw new Error(`no key ${id}`)
  return found
}

/** The key once these sources give nothing any more: its own permissions, or scopes. */
const without = (key: KeyRecord, gone: readonly string[]): KeyRecord => ({
  ...key,
  permissions: gone.includes('key') ? [] : key.permissions,
  scopes: key.scopes.map((it) => (gone.includes(it.id) ? { ...it, permissions: [] } : it)),
})

const viewOf = ({ permissions, allSpaces, spaces }: Rights) => ({
  permissions: [...permissions],
  allSpaces,
  spaces: Object.fromEntries([...spaces].map(([id, held]) => [id, [...held]])),
})

/** What of `inner` is not in `outer`, also what is held before any space is looked at. */
const beyond = (inner: Rights, outer: Rights): string[] => [
  ...[...inner.permissions].filter((it) => !outer.permissions.has(it)),
  ...excess(viewOf(inner), viewOf(outer)),
]

/** Part of what an update can say of a key: each field is there or not. */
function updateOf({ wanted: its, pick }: Step, now: KeyRecord, scopeIds: readonly string[]) {
  const { permissions, ...where } = inputOf(its, spaceIds)
  const all = [...now.permissions, ...now.scopes.flatMap((scope) => scope.permissions)]
  return {
    ...(bit(pick, 0) && { permissions: bit(pick, 1) ? kept(all, pick) : permissions }),
    ...(bit(pick, 2) && { scopeIds: scopeIds.filter((_, at) => bit(pick, 3 + at)) }),
    ...(bit(pick, 5) &&
      (bit(pick, 6) ? { spaces: [] } : bit(pick, 7) ? where : { allSpaces: false })),
  }
}

async function callerKey(role: string, its: Wanted) {
  const { allSpaces, permissions, spaces } = its
  return await humanKey(world, workspace, await personOf(role), {
    permissions: closed([...asking, ...permissions]),
    allSpaces,
    grants: (allSpaces ? [] : spaces).map(({ index }) => ({
      spaceId: spaceIds[index] ?? '',
      narrowed: false,
      permissions: [],
    })),
  })
}

// A key that others change step by step holds, from each of its sources, what it held from that one
// before, or no more than whoever changed it holds.
test('updateApiKey and updateScope in sequence: no source of a key grows beyond the caller', async () => {
  const stepsDone: Record<string, number> = { key: 0, scope: 0, new: 0 }
  for (const each of fc.sample(story, { numRuns: 30, seed: 20_261_129 })) {
    const scopeIds = [
      await make.scope({ name: name(), permissions: each.caller.permissions }),
      await make.scope({ name: name(), permissions: kept(each.target.permissions, each.pick) }),
    ]
    const target = await make.key({
      name: name(),
      ownerId: robot,
      scopeIds: scopeIds.filter((_, at) => bit(each.pick, at)),
      ...inputOf(each.target, spaceIds),
    })
    const caller = await callerKey(each.role, each.caller)
    const held = rightsOf(await record(caller.id))
    const first = await record(target.id)
    for (const its of each.steps) {
      const before = await record(target.id)
      const update = updateOf(its, before, scopeIds)
      const scopeId = scopeIds[its.pick % 2]
      const [mutation, input, selection] = {
        key: ['updateApiKey', { id: target.id, ...update }, 'apiKey { id }'] as const,
        scope: ['updateScope', { id: scopeId, permissions: its.wanted.permissions }, ''] as const,
        new: [
          'createApiKey',
          { name: name(), ownerId: robot, ...inputOf(its.wanted, spaceIds), ...update },
          'apiKey { id }',
        ] as const,
      }[its.kind as 'key' | 'scope' | 'new']
      const { payload, codes } = await attempt(world, caller.secret, mutation, input, selection)
      if (codes.length > 0) continue
      stepsDone[its.kind] = (stepsDone[its.kind] ?? 0) + 1
      const told = { role: each.role, caller: each.caller, target: each.target, input }
      if (its.kind === 'new') {
        const made = rightsOf(await record(payload.apiKey.id))
        expect({ ...told, beyond: beyond(made, held) }).toMatchObject({ beyond: [] })
        continue
      }
      const now = await record(target.id)
      for (const gone of [[], ['key'], scopeIds, ...scopeIds.map((id) => ['key', id])]) {
        const left = rightsOf(without(now, gone))
        const more = beyond(left, rightsOf(without(first, gone)))
        if (more.length > 0)
          expect({ ...told, gone, beyond: beyond(left, held) }).toMatchObject({ beyond: [] })
      }
      if (its.kind === 'key' && 'spaces' in update)
        expect({ ...told, allSpaces: now.allSpaces }).toMatchObject({ allSpaces: false })
    }
  }
  for (const kind of ['key', 'scope', 'new'])
    expect([kind, (stepsDone[kind] ?? 0) > 5]).toEqual([kind, true])
})
