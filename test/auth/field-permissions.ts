/**
 * What each field of the API asks for, written out by hand from the specification: the permissions
 * of a field that asks for some, none for one that asks for a person who has signed in, and the names
 * of those that ask for nothing. A field that is added
 * without a line here, or whose decision changes, fails the tests.
 */
export interface TypePermissions {
  readonly open: string
  readonly guarded: Readonly<Record<string, readonly string[]>>
}

const open = (names: string): TypePermissions => ({ open: names, guarded: {} })

export const fieldPermissions: Readonly<Record<string, TypePermissions>> = {
  Query: {
    open: 'node nodes permissions rateLimits viewer workspaces',
    guarded: {
      accessToken: ['tokens:read'],
      accessTokens: ['tokens:read'],
      agent: ['agents:read'],
      agents: ['agents:read'],
      auditEvents: ['audit:read'],
      auditIntegrity: ['audit:read'],
      document: ['documents:read'],
      apiKey: ['keys:read'],
      apiKeys: ['keys:read'],
      member: ['members:read'],
      members: ['members:read'],
      scope: ['scopes:read'],
      run: ['sessions:read'],
      scopes: ['scopes:read'],
      session: ['sessions:read'],
      sessions: ['sessions:read'],
      space: ['spaces:read'],
      spaces: ['spaces:read'],
      workspace: ['workspace:read'],
    },
  },
  Mutation: {
    open: 'createAccessToken rotateAccessToken',
    guarded: {
      addMember: ['members:create'],
      addSpaceMember: ['spaces:update'],
      cancelRun: ['agents:run'],
      createAgent: ['agents:create'],
      createApiKey: ['keys:create'],
      createMachineUser: ['members:create'],
      createScope: ['scopes:create'],
      createSession: ['sessions:create'],
      createSpace: ['spaces:create'],
      createWorkspace: [],
      deleteAgent: ['agents:delete'],
      deleteDocument: ['documents:delete'],
      deleteScope: ['scopes:delete'],
      deleteSpace: ['spaces:delete'],
      disableApiKey: ['keys:update'],
      enableApiKey: ['keys:update'],
      importLegacyKeys: ['keys:create'],
      migrateLegacyKey: ['keys:update'],
      removeMember: ['members:delete'],
      removeSpaceMember: ['spaces:update'],
      revokeAccessToken: ['tokens:delete'],
      revokeAccessTokens: ['tokens:delete'],
      revokeApiKey: ['keys:delete'],
      revokeApiKeys: ['keys:delete'],
      rotateApiKey: ['keys:update'],
      runAgent: ['agents:run'],
      terminateSession: ['sessions:terminate'],
      transferApiKey: ['keys:update'],
      updateAgent: ['agents:update'],
      updateApiKey: ['keys:update'],
      updateMember: ['members:update'],
      updateScope: ['scopes:update'],
      updateSpace: ['spaces:update'],
      updateWorkspace: ['workspace:update'],
      uploadDocument: ['documents:upload'],
      verifyApiKey: ['keys:verify'],
    },
  },
  AccessToken: {
    open:
      'allSpaces audience createdAt expiresAt familyExpiresAt id lastUsedAt lastUsedIp ' +
      'permissions predecessorId revokedAt spaceIds status',
    guarded: { apiKey: ['keys:read'], spaces: ['spaces:read'] },
  },
  Agent: {
    open: 'createdAt description id instructions model name spaceIds status updatedAt version',
    guarded: {
      createdBy: ['members:read'],
      sessions: ['sessions:read'],
      spaces: ['spaces:read'],
    },
  },
  ApiKey: {
    open:
      'allSpaces allowedIps createdAt createdByKeyId description effectiveExpiresAt ' +
      'effectivePermissions expiresAt externalId id labels last4 lastUsedAt lastUsedIp legacy name permissions ' +
      'previousSecretExpiresAt requestsPerMinute revocationReason revokedAt rotatedAt spaces ' +
      'start status unusedPermissions updatedAt',
    guarded: {
      accessTokens: ['tokens:read'],
      createdBy: ['members:read'],
      owner: ['members:read'],
      revokedBy: ['members:read'],
      scopes: ['scopes:read'],
      unusedSpaces: ['spaces:read'],
    },
  },
  AuditChange: open('after before field'),
  AuditEvent: {
    open:
      'accessTokenId action actorKind actorName apiKeyId at changes hash id ip previousHash ' +
      'requestId sequence targetId targetName',
    guarded: { actor: ['members:read'] },
  },
  AuditIntegrity: open(
    'checkedEvents firstBrokenEventId firstBrokenSequence headHash headSequence intact',
  ),
  UploadDocumentPayload: open('document errors'),
  VerifyApiKeyPayload: open('apiKey code errors missingPermissions permissions rateLimits valid'),
  RateLimit: open('limit remaining resetAt subject windowSeconds'),
  EffectiveSpace: { open: 'permissions spaceId', guarded: { space: ['spaces:read'] } },
  Member: {
    open: 'createdAt id role user',
    guarded: { apiKeys: ['keys:read'], keyCount: ['keys:read'], spaces: ['spaces:read'] },
  },
  Document: {
    open: 'bytes createdAt createdById id mediaType name sha256 url',
    guarded: { createdBy: ['members:read'], session: ['sessions:read'] },
  },
  DocumentLimits: open('maxBytes maxCount mediaTypes'),
  Run: {
    open:
      'agentVersion createdAt createdById error finishedAt id input inputTokens output outputTokens ' +
      'status',
    guarded: { createdBy: ['members:read'], session: ['sessions:read'] },
  },
  Session: {
    open: 'agentVersion createdAt createdById documentLimits id reference status terminatedAt',
    guarded: {
      agent: ['agents:read'],
      createdBy: ['members:read'],
      documents: ['documents:read'],
      runs: ['sessions:read'],
    },
  },
  Scope: {
    open: 'agentAccess createdAt description id name permissions updatedAt',
    guarded: { apiKeys: ['keys:read'], keyCount: ['keys:read'] },
  },
  Space: {
    open: 'createdAt description id name updatedAt visibility',
    guarded: { agents: ['agents:read'], apiKeys: ['keys:read'], members: ['members:read'] },
  },
  SpaceGrant: {
    open: 'effectivePermissions permissions spaceId',
    guarded: { space: ['spaces:read'] },
  },
  Viewer: {
    open: 'accessToken allSpaces apiKey kind permissions role spaces user',
    guarded: { workspace: ['workspace:read'] },
  },
  Workspace: {
    open: 'createdAt id legacyKeySunsetAt maxKeyLifetimeDays name plan requestsPerMinute slug',
    guarded: {
      apiKeyCount: ['workspace:read', 'keys:read'],
      keyLimit: ['workspace:read', 'keys:read'],
      seatCount: ['workspace:read', 'members:read'],
    },
  },
  Permission: open('description includes name perSpace requires'),
  User: open('email id kind name'),
  UserError: open('code message path'),
  PageInfo: open('endCursor hasNextPage hasPreviousPage startCursor'),
  AddMemberPayload: open('errors member'),
  AddSpaceMemberPayload: open('errors space'),
  CancelRunPayload: open('errors run'),
  CreateAccessTokenPayload: open('accessToken errors expiresInSeconds token'),
  CreateAgentPayload: open('agent errors'),
  CreateApiKeyPayload: open('apiKey errors secret'),
  CreateMachineUserPayload: open('errors member'),
  CreateScopePayload: open('errors scope'),
  CreateSessionPayload: open('errors session'),
  CreateSpacePayload: open('errors space'),
  CreateWorkspacePayload: open('errors workspace'),
  DeleteAgentPayload: open('deletedId errors'),
  DeleteDocumentPayload: open('deletedId errors'),
  DeleteScopePayload: open('deletedId errors'),
  DeleteSpacePayload: open('deletedId errors'),
  DisableApiKeyPayload: open('apiKey errors'),
  EnableApiKeyPayload: open('apiKey errors'),
  ImportedKey: open('apiKey errors index'),
  ImportLegacyKeysPayload: open('errors results'),
  Label: open('name value'),
  MigrateLegacyKeyPayload: open('apiKey errors secret'),
  RemoveMemberPayload: open('errors member revokedKeyCount'),
  RemoveSpaceMemberPayload: open('errors space'),
  RevokeAccessTokenPayload: open('accessToken errors'),
  RevokeAccessTokensPayload: open('errors revokedCount'),
  RevokeApiKeyPayload: open('apiKey errors revokedCount'),
  RevokeApiKeysPayload: open('apiKeys errors revokedCount'),
  RotateAccessTokenPayload: open('accessToken errors expiresInSeconds token'),
  RotateApiKeyPayload: open('apiKey errors secret'),
  RunAgentPayload: open('errors run'),
  TerminateSessionPayload: open('errors session'),
  TransferApiKeyPayload: open('apiKey errors secret'),
  UpdateAgentPayload: open('agent errors'),
  UpdateApiKeyPayload: open('apiKey errors'),
  UpdateMemberPayload: open('errors member'),
  UpdateScopePayload: open('errors scope'),
  UpdateSpacePayload: open('errors space'),
  UpdateWorkspacePayload: open('errors workspace'),
  AccessTokenConnection: open('edges nodes pageInfo'),
  AccessTokenEdge: open('cursor node'),
  AgentConnection: open('edges nodes pageInfo'),
  AgentEdge: open('cursor node'),
  ApiKeyConnection: open('edges nodes pageInfo'),
  ApiKeyEdge: open('cursor node'),
  AuditEventConnection: open('edges nodes pageInfo'),
  AuditEventEdge: open('cursor node'),
  MemberConnection: open('edges nodes pageInfo'),
  MemberEdge: open('cursor node'),
  RunConnection: open('edges nodes pageInfo'),
  RunEdge: open('cursor node'),
  SessionConnection: open('edges nodes pageInfo'),
  SessionEdge: open('cursor node'),
  ScopeConnection: open('edges nodes pageInfo'),
  ScopeEdge: open('cursor node'),
  SpaceConnection: open('edges nodes pageInfo'),
  SpaceEdge: open('cursor node'),
  WorkspaceConnection: open('edges nodes pageInfo'),
  WorkspaceEdge: open('cursor node'),
}
