import { expect } from 'vitest'
import { done } from '../../setup/seed.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'
import { attempt } from './ask.ts'

/** What `revokeApiKeys` shows. */
interface Found {
  readonly revokedCount: number
  readonly apiKeys: { id: string; status: string; revocationReason: string | null }[]
}
const selection = 'revokedCount apiKeys { id status revocationReason }'

export const idsOf = ({ apiKeys }: Found): string[] => apiKeys.map(({ id }) => id)

/** Ways to ask for `revokeApiKeys`, by the owner's key of a workspace unless another one is given. */
export const revoking = (world: World, workspace: TestWorkspace) => ({
  /** Expects it to succeed. */
  async revoke(filter: object, input: object = {}, secret = workspace.secret): Promise<Found> {
    const its = { filter, ...input }
    const { errors, ...found } = await done(world, secret, 'revokeApiKeys', selection, its)
    expect(errors).toEqual([])
    return found
  },

  tryTo: (filter: object, input: object = {}, secret = workspace.secret) =>
    attempt(world, secret, 'revokeApiKeys', { filter, ...input }, selection),

  /** All that a change leaves behind. */
  stored: async (id = workspace.id): Promise<unknown> => [
    await world.deps.prisma.workspace.findUniqueOrThrow({
      where: { id },
      select: { epoch: true, auditSequence: true },
    }),
    await world.deps.prisma.apiKey.findMany({ where: { workspaceId: id }, orderBy: { id: 'asc' } }),
  ],
})
