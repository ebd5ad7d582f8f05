import type { Caller } from '../../auth/caller.ts'
import type { Queryable } from '../../auth/key-record.ts'
import { hasId } from '../../db/where.ts'
import type { Prisma } from '../../generated/prisma/client.ts'
import { sessionsHeld } from '../session/session.visibility.ts'

/** The document of this id, before it is checked who sees it. */
export const documentOf = ({ workspaceId }: Caller, id: string) => ({
  workspaceId,
  deletedAt: null,
  ...hasId(id),
})

/** The documents of these sessions that the caller sees. */
export const visibleDocuments = async (
  db: Queryable,
  caller: Caller,
  sessionIds: readonly string[],
): Promise<Prisma.DocumentWhereInput> => ({
  workspaceId: caller.workspaceId,
  deletedAt: null,
  sessionId: { in: await sessionsHeld(db, caller, 'documents:read', sessionIds) },
})
