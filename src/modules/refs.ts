import { builder } from '../builder.ts'
import type {
  Document as DocumentRow,
  Session as SessionRow,
  Workspace as WorkspaceRow,
} from '../generated/prisma/client.ts'
import { connectionOf } from '../graphql/connection.ts'
import type { RunRow } from './run/run.queries.ts'

// The entities that types of several modules lead to, so that no module imports another's types.

export const Workspace = builder.objectRef<WorkspaceRow>('Workspace')
export const Session = builder.objectRef<SessionRow>('Session')
export const Run = builder.objectRef<RunRow>('Run')
export const Document = builder.objectRef<DocumentRow>('Document')

export const WorkspaceConnection = connectionOf('Workspace', Workspace)
export const SessionConnection = connectionOf('Session', Session)
export const RunConnection = connectionOf('Run', Run)
