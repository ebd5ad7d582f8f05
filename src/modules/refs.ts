import { builder } from '../builder.ts'
import type { Document as DocumentRow, Session as SessionRow } from '../generated/prisma/client.ts'
import { connectionOf } from '../graphql/connection.ts'
import type { RunRow } from './run/run.queries.ts'

// The entities that types of several modules lead to, so that no module imports another's types.

export const Session = builder.objectRef<SessionRow>('Session')
export const Run = builder.objectRef<RunRow>('Run')
export const Document = builder.objectRef<DocumentRow>('Document')

export const SessionConnection = connectionOf('Session', Session)
export const RunConnection = connectionOf('Run', Run)
