import { expect, test } from 'vitest'
import { newId } from '../../../src/ids.ts'
import { insertKey } from '../../auth/insert-key.ts'
import { leastProcessorTime } from '../../setup/processor-time.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { explainAll } from './ask.ts'

useWorkspace()

test('explainAccess: a thousand spaces out of reach of a key for a thousand others take no longer than its own', async () => {
  const { id: workspaceId, ownerId } = workspace
  const ids = Array.from({ length: 2_000 }, () => newId('spc'))
  const at = new Date()
  const of = { workspaceId, visibility: 'RESTRICTED', createdAt: at, updatedAt: at } as const
  await world.deps.prisma.space.createMany({
    data: ids.map((id) => ({ ...of, id, name: id, nameKey: id })),
  })
  const [own, others] = [ids.slice(0, 1_000), ids.slice(1_000)]
  const permissions = ['agents:read']
  const key = await insertKey(world, { workspaceId, ownerId, permissions, spaceIds: own })
  const explain = async (spaceIds: readonly string[], limit: number, code: string) => {
    const inputs = Array.from({ length: 10 }, () => ({ apiKeyId: key.id, permissions, spaceIds }))
    const ask = () => explainAll(world, workspace.secret, inputs as never)
    const { value, ms } = await leastProcessorTime(limit, ask)
    expect(value).toEqual(inputs.map(() => expect.objectContaining({ code })))
    return ms
  }
  const ofOwn = await explain(own, 0, 'VALID')
  const limit = 2 * ofOwn
  expect(await explain(others, limit, 'SPACE_NOT_ALLOWED')).toBeLessThan(limit)
})
