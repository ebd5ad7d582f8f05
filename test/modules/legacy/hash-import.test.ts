import { expect, test } from 'vitest'
import { readCommand } from '../../../src/commands/commands.ts'
import { ensureFirstWorkspace } from '../../../src/first-start.ts'
import { importFile } from '../../../src/modules/legacy-import/import-file.ts'
import { storesNothing } from '../../input/nothing-stored.ts'
import { outcome } from '../../setup/outcome.ts'
import { seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { createWorld } from '../../setup/world.ts'
import { verdict } from '../api-key/ask.ts'
import { allowHashes } from './allow-hashes.ts'
import { importKeys, legacyKey, legacySecret, sha256 } from './ask.ts'

useWorkspace()

const shown = { start: 'old-', last4: 'WXYZ' }
const bothHashes = (ownerId: string, secret = legacySecret()) => [
  legacyKey(ownerId, { value: sha256(secret, 'hex'), encoding: 'SHA256_HEX', ...shown }),
  legacyKey(ownerId, { value: sha256(secret, 'base64'), encoding: 'SHA256_BASE64', ...shown }),
]

// Who knows a hash need not know the secret: they would get the requests of whoever does.
test('hashes: are INVALID where the operator has not allowed them, and secrets are not', async () => {
  const keys = [...bothHashes(workspace.ownerId), legacyKey(workspace.ownerId)]
  for (const dryRun of [true, false]) {
    const { results } = await importKeys(world, workspace.secret, keys, { dryRun })
    expect(results).toEqual([['INVALID encoding'], ['INVALID encoding'], ['imported']])
  }
  const { data } = await world.gql(
    workspace.secret,
    `mutation ($input: ImportLegacyKeysInput!) { importLegacyKeys(input: $input) {
      results { errors { message } } } }`,
    { input: { keys: keys.slice(0, 1) } },
  )
  const [{ message }] = data.importLegacyKeys.results[0].errors
  expect(message).toContain('latchkey workspace hash-import')
  expect(message).toContain('PLAINTEXT')
})

test('latchkey workspace hash-import: allows them in that workspace, and ends it', async () => {
  const [mine, other] = [await world.createWorkspace(), await world.createWorkspace()]
  expect(await allowHashes(world, mine)).toBe(
    `The workspace ${mine.slug} may import hashes of legacy keys.`,
  )
  expect(await allowHashes(world, mine)).toBe(
    `Nothing was changed: the workspace ${mine.slug} may import hashes of legacy keys.`,
  )
  const secret = legacySecret()
  const [hex = {}, base64 = {}] = bothHashes(mine.ownerId, secret)
  const { results } = await importKeys(world, mine.secret, [hex, base64])
  expect(results).toEqual([['imported'], ['imported']])
  expect(await verdict(world, secret)).toBe('ACCEPTED')
  expect((await importKeys(world, other.secret, bothHashes(other.ownerId))).results).toEqual(
    Array(2).fill(['INVALID encoding']),
  )

  expect(await allowHashes(world, mine, 'off')).toBe(
    `The workspace ${mine.slug} may import no hashes of legacy keys.`,
  )
  expect((await importKeys(world, mine.secret, bothHashes(mine.ownerId))).results).toEqual(
    Array(2).fill(['INVALID encoding']),
  )
  // What was imported stays.
  expect(await verdict(world, secret)).toBe('ACCEPTED')
  const events = await world.deps.prisma.auditEvent.findMany({
    where: { workspaceId: mine.id, action: 'workspace.hash_import_changed' },
    orderBy: { sequence: 'asc' },
  })
  expect(events).toMatchObject(
    [
      ['false', 'true'],
      ['true', 'false'],
    ].map(([before, after]) => ({
      actorName: 'operator',
      actorId: null,
      targetId: mine.id,
      changes: JSON.stringify([{ field: 'hashImport', before, after }]),
    })),
  )
})

test('latchkey workspace hash-import: takes no right’s place, and a dry run stores nothing', async () => {
  const mine = await world.createWorkspace()
  await allowHashes(world, mine)
  const secret = legacySecret()
  const [hash = {}] = bothHashes(mine.ownerId, secret)
  const { results } = await storesNothing(world, () =>
    importKeys(world, mine.secret, [hash], { dryRun: true }),
  )
  expect(results).toEqual([['imported']])
  expect(await verdict(world, secret)).toBe('401 UNKNOWN')

  const reader = await seed(world, mine.secret).key({ name: 'reader', permissions: ['keys:read'] })
  for (const dryRun of [true, false])
    expect(
      await outcome(world, reader.secret, 'importLegacyKeys', { keys: [hash], dryRun }),
    ).toEqual(['FORBIDDEN keys:create'])
  expect(await verdict(world, secret)).toBe('401 UNKNOWN')
})

test('latchkey workspace hash-import: takes a workspace that there is, and on or off', async () => {
  await expect(storesNothing(world, () => allowHashes(world, { slug: 'none' }))).rejects.toThrow(
    'There is no workspace "none".',
  )
  for (const argv of [[], ['main'], ['main', 'yes'], ['main', 'on', 'off']])
    expect(() => readCommand(['workspace', 'hash-import', ...argv])).toThrow('expected')
})

test('latchkey legacy import: takes hashes for any workspace', async () => {
  const secrets = [legacySecret(), legacySecret()]
  const keys = secrets.map((secret, index) => ({
    name: `Of a file ${index}`,
    value: sha256(secret, 'base64'),
    encoding: 'SHA256_BASE64' as const,
    ...shown,
    owner: workspace.ownerId,
    level: index === 0 ? ('workspace' as const) : ('user' as const),
    spaceIds: [],
    allSpaces: false,
    permissions: [],
  }))
  const { results } = await importFile(world.deps, keys, {
    workspace: workspace.slug,
    dryRun: false,
  })
  expect(results).toMatchObject(Array(2).fill({ isKnown: false, errors: [] }))
  for (const secret of secrets) expect(await verdict(world, secret)).toBe('ACCEPTED')
})

test('first start: the workspace that it makes may import hashes', async () => {
  const own = await createWorld({ isNew: true })
  try {
    const first = await ensureFirstWorkspace(own.deps)
    if (!first.isFirst) throw new Error('it was not the first')
    const { data } = await own.gql(first.secret, '{ viewer { user { id } } }')
    const { results } = await importKeys(own, first.secret, bothHashes(data.viewer.user.id))
    expect(results).toEqual([['imported'], ['imported']])
  } finally {
    await own.close()
  }
})
