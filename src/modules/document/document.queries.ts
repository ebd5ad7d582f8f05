import type { Caller } from '../../auth/caller.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { heldForSession } from '../session/session.queries.ts'

/** The listed table of documents, with their sessions. */
export const documents = {
  from: Prisma.sql`"Document" d
    JOIN "Session" s ON s."workspaceId" = d."workspaceId" AND s.id = d."sessionId"`,
  alias: Prisma.sql`d`,
}

/** The documents that the caller sees: they are whose the session is. */
export const visibleDocuments = (caller: Caller): Prisma.Sql =>
  Prisma.sql`d."deletedAt" IS NULL AND ${heldForSession(caller, 'documents:read')}`
