import { readCommand } from '../../src/commands/commands.ts'
import type { TestWorkspace, World } from '../setup/world.ts'

/** Runs a command as the operator of the world's database, and returns what it prints. */
export const operator =
  ({ deps }: Pick<World, 'deps'>) =>
  (...argv: string[]): Promise<string> =>
    readCommand(argv)(deps)

/** Runs a command with `--json` in a workspace. */
export const operatorIn =
  (world: Pick<World, 'deps'>, { slug }: Pick<TestWorkspace, 'slug'>) =>
  async (...argv: string[]): Promise<any> =>
    JSON.parse(await operator(world)(...argv, '--workspace', slug, '--json'))

/** The audit events of a workspace after its first, each with its fields that changed. */
export async function eventsOf({ deps }: Pick<World, 'deps'>, { id }: Pick<TestWorkspace, 'id'>) {
  const events = await deps.prisma.auditEvent.findMany({
    where: { workspaceId: id, sequence: { gt: 1 } },
    orderBy: { sequence: 'asc' },
  })
  return events.map(({ action, actorKind, actorName, actorId, targetId, changes }) => ({
    action,
    actor: [actorKind, actorId, actorName],
    targetId,
    fields: JSON.parse(changes).map(({ field }: { field: string }) => field),
  }))
}
