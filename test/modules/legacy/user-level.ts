import { hashSecret } from '../../../src/auth/credentials/hash.ts'
import { importAsOperator } from '../../../src/modules/legacy-import/import-keys.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'
import { legacyKey } from './ask.ts'

/** A user-level key of that user, as the operator imports it. */
export async function importUserLevelKey(
  { deps }: World,
  ownerId: string,
  more: object = {},
): Promise<{ readonly id: string; readonly secret: string }> {
  const key = legacyKey(ownerId, more)
  const input = { ...key, encoding: 'PLAINTEXT' as const }
  const [imported] = await importAsOperator(deps, null, [input], { dryRun: false })
  if (imported?.errors.length !== 0 || imported.isKnown) throw new Error(JSON.stringify(imported))
  const hash = hashSecret(key.value)
  const { id } = await deps.prisma.userLegacyKey.findUniqueOrThrow({ where: { hash } })
  return { id, secret: key.value }
}

/** The same world, where each request names that workspace. */
export const inWorkspace = (world: World, { id }: Pick<TestWorkspace, 'id'>): World => ({
  ...world,
  gql: (secret, query, variables) =>
    world.gql(secret, query, variables, { headers: { 'x-workspace-id': id } }),
})

/** What a request with that secret is, in the workspace that it names: the role, or why it is none. */
export async function roleIn(
  world: Pick<World, 'gql'>,
  secret: string,
  workspace?: Pick<TestWorkspace, 'id'> | string,
): Promise<string> {
  const named = typeof workspace === 'string' ? workspace : workspace?.id
  const { status, data, errors } = await world.gql(secret, '{ viewer { kind role } }', undefined, {
    headers: named === undefined ? {} : { 'x-workspace-id': named },
  })
  const [error] = errors
  if (error === undefined) return data.viewer.role ?? `${data.viewer.kind} in none`
  const { code, reason } = error.extensions
  return [status, reason ?? code].join(' ')
}

/** The events of a workspace about a key, oldest first, as `action by actor`. */
export async function eventsOf(
  { deps }: World,
  workspace: Pick<TestWorkspace, 'id'>,
  keyId: string,
): Promise<string[]> {
  const events = await deps.prisma.auditEvent.findMany({
    where: { workspaceId: workspace.id, targetId: keyId },
    orderBy: { sequence: 'asc' },
  })
  return events.map(({ action, actorName }) => `${action} by ${actorName}`)
}
