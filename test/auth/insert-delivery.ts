import { newId } from '../../src/ids.ts'
import type { TestWorkspace, World } from '../setup/world.ts'

/** A delivery that has failed, of that endpoint. */
export async function insertDelivery(
  { deps }: World,
  { id: workspaceId }: Pick<TestWorkspace, 'id'>,
  endpointId: string,
): Promise<string> {
  const id = newId('whd')
  const event = { event: 'api_key.revoked', payload: '{}', createdAt: new Date() }
  const data = { workspaceId, id, endpointId, ...event, status: 'FAILED' } as const
  await deps.prisma.webhookDelivery.create({ data })
  return id
}
