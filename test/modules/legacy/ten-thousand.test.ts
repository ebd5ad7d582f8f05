import { beforeAll, expect, test } from 'vitest'
import { processorTime } from '../../setup/processor-time.ts'
import { seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { verdict } from '../api-key/ask.ts'
import { allowHashes } from './allow-hashes.ts'
import { importKeys, legacyKey, sha256 } from './ask.ts'

useWorkspace()
beforeAll(async () => {
  await allowHashes(world, workspace)
})

// An old system is taken over within a coffee break. The limit is the product's promise, on a machine
// that does nothing else; the embedded database works in this process too.
test('10,000 keys are imported in less than 30 seconds', async () => {
  const make = seed(world, workspace.secret)
  const spaceIds = [await make.space({ name: 'one' }), await make.space({ name: 'two' })]
  const robot = await make.machine({ name: 'Robot', role: 'ADMIN' })
  const secrets: string[] = []
  const rowOf = (_: unknown, index: number) => {
    const row = legacyKey(robot.userId, {
      permissions: ['agents:read', 'agents:run'],
      spaceIds: [spaceIds[index % 2]],
    })
    secrets.push(row.value)
    if (index % 2 > 0) return row
    const shown = { start: row.value.slice(0, 4), last4: row.value.slice(-4) }
    return { ...row, ...shown, value: sha256(row.value, 'hex'), encoding: 'SHA256_HEX' }
  }
  const calls = Array.from({ length: 10 }, () => Array.from({ length: 1_000 }, rowOf))
  const begun = performance.now()
  const { ms } = await processorTime(async () => {
    for (const rows of calls) {
      const { results } = await importKeys(world, workspace.secret, rows, { selection: 'id start' })
      expect(results.filter(([it]) => it !== 'imported')).toEqual([])
    }
  })
  const seconds = (performance.now() - begun) / 1_000
  const ofProcessor = ms / 1_000
  console.info(
    `10,000 legacy keys imported in ${seconds.toFixed(1)} s, ${ofProcessor.toFixed(1)} s of a processor`,
  )
  expect(ofProcessor).toBeLessThan(30)
  const where = { workspaceId: workspace.id, legacy: true }
  expect(await world.deps.prisma.apiKey.count({ where })).toBe(10_000)
  for (const index of [0, 1, 4_999, 9_999])
    expect(await verdict(world, String(secrets[index]))).toBe('ACCEPTED')
})
