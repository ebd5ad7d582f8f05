import { beforeAll, expect, test } from 'vitest'
import { importAsOperator } from '../../../src/modules/legacy-import/import-keys.ts'
import type { LegacyKeyInput } from '../../../src/modules/legacy-import/legacy-key.input.ts'
import { addHuman } from '../../setup/human.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { importKeys, legacyKey } from './ask.ts'

let other: TestWorkspace
let ownerId: string

useWorkspace()
beforeAll(async () => {
  other = await world.createWorkspace()
  ownerId = (await addHuman(world, other, 'MEMBER')).userId
})

// The two are in different tables and under the locks of different workspaces: nothing but a lock of
// their own keeps one secret from being two keys.
test('a secret imported at once for a workspace and for a person of another is one key', async () => {
  for (let round = 0; round < 15; round += 1) {
    const keys = Array.from({ length: 20 }, () => legacyKey(workspace.ownerId))
    const ofPerson = keys.map(({ value }) => ({ ...legacyKey(ownerId), value }))
    const [{ results }, told] = await Promise.all([
      importKeys(world, workspace.secret, keys),
      importAsOperator(world.deps, null, ofPerson as unknown as LegacyKeyInput[], {
        dryRun: false,
      }),
    ])
    const outcomes = keys.map((_, index) => [
      results[index]?.join(),
      told[index]?.errors.map(({ code }) => code).join() || 'imported',
    ])
    for (const outcome of outcomes)
      expect([
        ['imported', 'CONFLICT'],
        ['CONFLICT value', 'imported'],
      ]).toContainEqual(outcome)
  }
})
