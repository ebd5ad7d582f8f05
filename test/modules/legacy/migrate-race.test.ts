import { expect, test } from 'vitest'
import { seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import { attempt, verdict } from '../api-key/ask.ts'
import { importOne, legacyKey } from './ask.ts'

useWorld()

// Of two who migrate at once one would be given a secret that the other has just ended.
test.each(['its owner', 'the key itself'])(
  'of 20 migrations at once by %s exactly one gets a secret, and that one works',
  async (who) => {
    const workspace = await world.createWorkspace()
    const key = await importOne(
      world,
      workspace.secret,
      legacyKey(workspace.ownerId, { permissions: ['keys:read', 'keys:update'] }),
    )
    const secret = who === 'its owner' ? workspace.secret : key.secret
    for (const either of [workspace.secret, key.secret])
      expect(await verdict(world, either)).toBe('ACCEPTED')
    const migrate = () =>
      attempt(world, secret, 'migrateLegacyKey', { id: key.id }, 'secret apiKey { id }')
    const answers = await Promise.all(Array.from({ length: 20 }, migrate))
    const won = answers.filter(({ codes }) => codes.length === 0)
    const lost = answers.filter(({ codes }) => codes.length > 0)
    expect(lost.map(({ codes }) => codes)).toEqual(Array(19).fill(['WRONG_STATE']))
    for (const { payload } of lost) expect(payload).toMatchObject({ secret: null, apiKey: null })
    expect(won).toHaveLength(1)
    for (const either of [key.secret, won[0]?.payload.secret])
      expect(await verdict(world, either)).toBe('ACCEPTED')
    expect(await world.deps.prisma.apiKeySecret.count({ where: { keyId: key.id } })).toBe(2)
    const events = { targetId: key.id, action: 'api_key.migrated' }
    expect(await world.deps.prisma.auditEvent.count({ where: events })).toBe(1)
  },
)

// A file that is imported twice at once, by a script that was started twice.
test('of imports of the same keys at once each key is imported once', async () => {
  const workspace = await world.createWorkspace()
  const robot = await seed(world, workspace.secret).machine({ name: 'R', role: 'MEMBER' })
  const rows = Array.from({ length: 30 }, () => legacyKey(robot.userId))
  const answers = await Promise.all(
    Array.from({ length: 5 }, () =>
      attempt(
        world,
        workspace.secret,
        'importLegacyKeys',
        { keys: rows },
        'results { apiKey { id } errors { code } }',
      ),
    ),
  )
  const [first] = answers
  for (const { codes, payload } of answers) {
    expect(codes).toEqual([])
    expect(payload.results).toEqual(first?.payload.results)
  }
  const where = { workspaceId: workspace.id, legacy: true }
  expect(await world.deps.prisma.apiKey.count({ where })).toBe(rows.length)
})
