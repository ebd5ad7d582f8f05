import type { PermissionName } from '../../auth/permissions.ts'
import type { CallerChange } from '../../db/change.ts'
import { findOne } from '../../db/page.ts'
import { forbidden, userError } from '../../errors.ts'
import type { Session } from '../../generated/prisma/client.ts'
import { heldForSession, sessions, visibleSessions } from './session.queries.ts'

/**
 * Asserts that the caller holds the permission for the session, and so for its runs and documents.
 *
 * @throws RequestError FORBIDDEN
 */
export async function assertHeldForSession(
  { db, caller }: CallerChange,
  id: string,
  permission: PermissionName,
): Promise<void> {
  const where = heldForSession(caller, permission)
  if ((await findOne<Session>(db, { ...sessions, where }, id)) === null)
    throw forbidden([permission], [permission])
}

/**
 * The session, seen by the caller, for which they hold the permission.
 *
 * @throws UserInputError NOT_FOUND when they do not see it, RequestError FORBIDDEN when they see it only
 */
export async function seenSession(
  c: CallerChange,
  id: string,
  permission: PermissionName,
  path: readonly string[],
): Promise<Session> {
  const where = visibleSessions(c.caller)
  const session = await findOne<Session>(c.db, { ...sessions, where }, id)
  if (session === null) throw userError('NOT_FOUND', path, 'There is no such session.')
  await assertHeldForSession(c, id, permission)
  return session
}

/** @throws UserInputError WRONG_STATE for a session that is terminated */
export function assertActive({ terminatedAt }: Session, path: readonly string[]): void {
  if (terminatedAt !== null) throw userError('WRONG_STATE', path, 'The session is terminated.')
}
