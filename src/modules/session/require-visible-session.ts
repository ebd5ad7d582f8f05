import type { PermissionName } from '../../auth/permissions.ts'
import { forbidden, userError } from '../../errors.ts'
import type { Session } from '../../generated/prisma/client.ts'
import type { CallerTransaction } from '../../transactions/workspace-transaction.ts'
import { sessionsHeld } from './session.visibility.ts'

/**
 * Asserts that the caller holds the permission for the session, and so for its runs and documents.
 *
 * @throws RequestError FORBIDDEN
 */
export async function assertHeldForSession(
  { db, caller }: CallerTransaction,
  id: string,
  permission: PermissionName,
): Promise<void> {
  const held = await sessionsHeld(db, caller, permission, [id])
  if (held.length === 0) throw forbidden([permission], [permission])
}

/**
 * The session, seen by the caller, for which they hold the permission.
 *
 * @throws UserInputError NOT_FOUND when they do not see it, RequestError FORBIDDEN when they see it only
 */
export async function requireVisibleSession(
  c: CallerTransaction,
  id: string,
  permission: PermissionName,
  path: readonly string[],
): Promise<Session> {
  const [seen] = await sessionsHeld(c.db, c.caller, 'sessions:read', [id])
  if (seen === undefined) throw userError('NOT_FOUND', path, 'There is no such session.')
  await assertHeldForSession(c, id, permission)
  const { workspaceId } = c.caller
  return c.db.session.findUniqueOrThrow({ where: { workspaceId_id: { workspaceId, id } } })
}

/** @throws UserInputError WRONG_STATE for a session that is terminated */
export function assertActive({ terminatedAt }: Session, path: readonly string[]): void {
  if (terminatedAt !== null) throw userError('WRONG_STATE', path, 'The session is terminated.')
}
