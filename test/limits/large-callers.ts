import { mint } from '../modules/access-token/ask.ts'
import { seed } from '../setup/seed.ts'
import type { World } from '../setup/world.ts'
import type { KnownIds } from './generated-operation.ts'
import type { LargeWorkspace } from './large-workspace.ts'

/** Who asks in a large workspace, and the ids there, those of the callers' own rows included. */
export interface LargeCallers {
  /** The owner's key, keys that name every space and few, a token. */
  readonly secrets: readonly string[]
  readonly ids: KnownIds
}

export async function createLargeCallers(
  world: World,
  large: LargeWorkspace,
): Promise<LargeCallers> {
  const make = seed(world, large.secret)
  const named = (spaceIds: readonly string[]) => ({
    permissions: ['*:read', 'members:read', 'scopes:read', 'keys:read', 'tokens:read'],
    scopeIds: large.scopeIds,
    spaces: spaceIds.map((spaceId) => ({ spaceId })),
  })
  const all = await make.key({ name: 'all', ...named(large.spaceIds) })
  const few = await make.key({ name: 'few', ...named(large.spaceIds.slice(0, 3)) })
  const token = await mint(world, all.secret)
  const [run] = await world.deps.prisma.run.findMany({ take: 1 })
  const [document] = await world.deps.prisma.document.findMany({ take: 1 })
  return {
    secrets: [large.secret, all.secret, few.secret, token.token],
    ids: {
      space: large.spaceIds,
      agent: large.agentIds,
      apiKey: [...large.keyIds, all.id, few.id],
      scope: large.scopeIds,
      session: large.sessionIds,
      member: [large.ownerMemberId],
      accessToken: [token.id],
      run: [run?.id ?? ''],
      document: [document?.id ?? ''],
    },
  }
}
