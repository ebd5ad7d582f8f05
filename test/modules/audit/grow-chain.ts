import { insertOf } from '../../../src/db/insert-rows.ts'
import type { Actor, ChangeEvent } from '../../../src/transactions/audit-event.ts'
import { chainedEvents } from '../../../src/transactions/audit-rows.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'

const nobody: Actor = {
  kind: 'API_KEY',
  id: null,
  name: 'Grown',
  apiKeyId: null,
  accessTokenId: null,
  address: '192.0.2.1',
  requestId: undefined,
}

const someEvent = (index: number): ChangeEvent => ({
  action: 'space.updated',
  targetId: `spc_${String(index).padStart(26, '0')}`,
  targetName: `space ${index}`,
  changes: [{ field: 'name', before: null, after: `space ${index}` }],
})

/** Adds so many events to the end of a chain, as mutations would, one each second of 2040. */
export async function growChain(
  { deps }: Pick<World, 'deps'>,
  { id }: Pick<TestWorkspace, 'id'>,
  count: number,
  eventOf: (index: number) => ChangeEvent = someEvent,
): Promise<void> {
  const { prisma, auditKey } = deps
  const begin = Date.UTC(2040, 0, 1)
  for (let from = 0; from < count; from += 5_000) {
    const workspace = await prisma.workspace.findUniqueOrThrow({ where: { id } })
    let { auditSequence, auditHash } = workspace
    const rows = Array.from({ length: Math.min(5_000, count - from) }, (_, index) => {
      const now = new Date(begin + (from + index) * 1_000)
      const chain = { ...workspace, auditSequence, auditHash, now }
      const [row] = chainedEvents(auditKey, chain, nobody, [eventOf(from + index)])
      if (row === undefined) throw new Error('there is no event')
      auditSequence = row.sequence
      auditHash = row.hash
      return row
    })
    await prisma.$executeRaw(insertOf('AuditEvent', rows))
    await prisma.workspace.update({ where: { id }, data: { auditSequence, auditHash } })
  }
}
