import { expect, test } from 'vitest'
import { importAsOperator } from '../../../src/modules/legacy-import/import-keys.ts'
import { storesNothing } from '../../input/nothing-stored.ts'
import { addHuman } from '../../setup/human.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { view } from '../../setup/view.ts'
import { legacyKey, type ToImport } from './ask.ts'

useWorkspace()

const importAll = async (rows: readonly ToImport[], dryRun = false, workspaceId = workspace.id) => {
  const keys = rows.map((row) => ({ ...row, encoding: 'PLAINTEXT' as const }))
  const results = await importAsOperator(world.deps, workspaceId, keys, { dryRun })
  return results.map(({ errors }) => errors.map(({ code, path }) => `${code} ${path?.slice(1)}`))
}

// Whoever moves a whole company over cannot ask each of its people to do it themselves.
test('the operator imports for any member, and their roles cut what the keys declare', async () => {
  const space = await seed(world, workspace.secret).space({ name: 'closed' })
  const ann = await addHuman(world, workspace, 'MEMBER')
  const rows = [
    legacyKey(ann.userId, { permissions: ['*'], allSpaces: true }),
    legacyKey(workspace.ownerId, { permissions: ['agents:read'], spaceIds: [space] }),
  ]
  expect(await storesNothing(world, () => importAll(rows, true))).toEqual([[], []])
  expect(await importAll(rows)).toEqual([[], []])
  const [annes, owners] = await Promise.all(rows.map(({ value }) => view(world, value)))
  expect(annes).toMatchObject({ allSpaces: false, spaces: {} })
  expect(annes).not.toMatchObject({ permissions: expect.arrayContaining(['members:read']) })
  expect(owners).toMatchObject({ spaces: { [space]: ['agents:read'] } })
  const events = await world.deps.prisma.auditEvent.findMany({
    where: { workspaceId: workspace.id, action: 'api_key.imported' },
    orderBy: { sequence: 'asc' },
  })
  expect(events).toMatchObject(
    rows.map(({ name }) => ({ actorName: 'operator', actorId: null, targetName: name })),
  )
  const keys = await world.deps.prisma.apiKey.findMany({ where: { legacy: true } })
  expect(keys).toMatchObject(Array(2).fill({ createdById: null, createdByKeyId: null }))
})

test('what is not there is not there for the operator, either', async () => {
  const other = await world.createWorkspace()
  const elsewhere = await seed(world, other.secret).space({ name: 'elsewhere' })
  const gone = await seed(world, workspace.secret).space({ name: 'gone' })
  await done(world, workspace.secret, 'deleteSpace', 'deletedId', { id: gone })
  const rows = [
    legacyKey(other.ownerId),
    legacyKey(workspace.ownerId, { spaceIds: [elsewhere, gone] }),
    legacyKey(workspace.ownerId, { permissions: ['agents:run'] }),
  ]
  expect(await storesNothing(world, () => importAll(rows))).toEqual([
    ['NOT_FOUND ownerId'],
    ['NOT_FOUND spaceIds,0', 'NOT_FOUND spaceIds,1'],
    ['PERMISSION_DEPENDENCY_MISSING permissions'],
  ])
})

test('past the sunset the operator imports none', async () => {
  const other = await world.createWorkspace()
  await done(world, other.secret, 'updateWorkspace', 'workspace { id }', {
    legacyKeySunsetAt: '2001-01-01T00:00:00Z',
  })
  await expect(importAll([legacyKey(other.ownerId)], false, other.id)).rejects.toMatchObject({
    errors: [{ code: 'WRONG_STATE', path: ['input'] }],
  })
})
