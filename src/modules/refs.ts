import { builder } from '../builder.ts'
import type {
  Document as DocumentRow,
  Session as SessionRow,
  Space as SpaceRow,
  Workspace as WorkspaceRow,
} from '../generated/prisma/client.ts'
import { connectionOf } from '../graphql/connection.ts'
import type { AccessTokenRow } from './access-token/access-token.queries.ts'
import type { AgentRow } from './agent/agent.queries.ts'
import type { ApiKeyRow } from './api-key/api-key.queries.ts'
import type { MemberRow } from './member/member.queries.ts'
import type { RunRow } from './run/run.queries.ts'

// The entities that types of several modules lead to, so that no module imports another's types.

export const Workspace = builder.objectRef<WorkspaceRow>('Workspace')
export const Member = builder.objectRef<MemberRow>('Member')
export const Space = builder.objectRef<SpaceRow>('Space')
export const ApiKey = builder.objectRef<ApiKeyRow>('ApiKey')
export const AccessToken = builder.objectRef<AccessTokenRow>('AccessToken')
export const Agent = builder.objectRef<AgentRow>('Agent')
export const Session = builder.objectRef<SessionRow>('Session')
export const Run = builder.objectRef<RunRow>('Run')
export const Document = builder.objectRef<DocumentRow>('Document')

export const WorkspaceConnection = connectionOf('Workspace', Workspace)
export const MemberConnection = connectionOf('Member', Member)
export const SpaceConnection = connectionOf('Space', Space)
export const ApiKeyConnection = connectionOf('ApiKey', ApiKey)
export const AccessTokenConnection = connectionOf('AccessToken', AccessToken)
export const AgentConnection = connectionOf('Agent', Agent)
export const SessionConnection = connectionOf('Session', Session)
export const RunConnection = connectionOf('Run', Run)
