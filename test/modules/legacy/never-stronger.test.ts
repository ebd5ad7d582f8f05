import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { closed, excess, kept, type Wanted, wanted } from '../../auth/generated-keys.ts'
import { createGeneratedWorld } from '../../auth/generated-world.ts'
import { addHuman, humanKey } from '../../setup/human.ts'
import { type View, view } from '../../setup/view.ts'
import { attempt } from '../api-key/ask.ts'
import { importKeys, legacyKey } from './ask.ts'

const { world, workspace, spaceIds, robot } = await createGeneratedWorld()
afterAll(() => world.close())

const asking = ['keys:read', 'keys:create', 'keys:update']
const idOf = (index: number): string => spaceIds[index] ?? ''

/** A caller, and keys that it tries to import: some of their own making, some of what it holds. */
const story = fc.record({
  role: fc.constantFrom('OWNER', 'ADMIN', 'BUILDER', 'MEMBER'),
  caller: wanted,
  hasAll: fc.boolean(),
  tries: fc.array(fc.record({ other: wanted, pick: fc.nat() }), { minLength: 8, maxLength: 8 }),
})

const inputOf = ({ permissions, allSpaces, spaces }: Wanted) => ({
  permissions,
  ...(allSpaces ? { allSpaces } : { spaceIds: spaces.map(({ index }) => idOf(index)) }),
})

// Whoever may take in keys must not come by one that can do more than they can, by way of its
// migration neither.
test('no imported key is stronger than who imported it', async () => {
  let imported = 0
  let migrated = 0
  for (const { role, caller, hasAll, tries } of fc.sample(story, {
    numRuns: 25,
    seed: 20_261_121,
  })) {
    const permissions = hasAll ? ['*'] : closed([...asking, ...caller.permissions])
    const human = await addHuman(world, workspace, role)
    const { secret } = await humanKey(world, workspace, human, {
      permissions,
      allSpaces: caller.allSpaces,
      grants: (caller.allSpaces ? [] : caller.spaces).map(({ index }) => ({
        spaceId: idOf(index),
        narrowed: false,
        permissions: [],
      })),
    })
    const outer = (await view(world, secret)) as View
    const rows = tries.map(({ other, pick }) =>
      legacyKey(pick % 3 === 0 ? robot : human.userId, {
        ...inputOf(pick % 4 === 0 ? other : { ...caller, permissions: kept(permissions, pick) }),
      }),
    )
    const { results, keys } = await importKeys(world, secret, rows)
    for (const [index, row] of rows.entries()) {
      if (results[index]?.[0] !== 'imported') continue
      imported += 1
      const inner = (await view(world, row.value)) as View
      expect({ role, permissions, row, excess: excess(inner, outer) }).toMatchObject({ excess: [] })
      if (index % 4 > 0) continue
      const input = {
        id: keys[index].id,
        ...(index > 0 && { permissions: ['*'], allSpaces: true }),
      }
      const { payload } = await attempt(world, secret, 'migrateLegacyKey', input, 'secret')
      if (!payload?.secret) continue
      migrated += 1
      const after = (await view(world, payload.secret)) as View
      expect({ role, permissions, row, excess: excess(after, outer) }).toMatchObject({ excess: [] })
    }
  }
  expect(imported).toBeGreaterThan(50)
  expect(migrated).toBeGreaterThan(5)
})
