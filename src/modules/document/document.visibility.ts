import type { Caller } from '../../auth/caller.ts'
import type { Queryable } from '../../auth/key-record.ts'
import type { Prisma } from '../../generated/prisma/client.ts'
import { isId } from '../../ids.ts'
import { sessionsHeld } from '../session/session.visibility.ts'

/** The documents of these ids, before it is checked who sees them. */
export const documentsOf = ({ workspaceId }: Caller, ids: readonly string[]) => ({
  workspaceId,
  deletedAt: null,
  id: { in: ids.filter(isId) },
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
