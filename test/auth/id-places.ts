import { expect } from 'vitest'

/** A place where an id goes in: an operation with `$id`, and what an id of nothing gives there. */
export interface IdPlace {
  readonly name: string
  /** The kind of id that belongs there. */
  readonly kind:
    | 'space'
    | 'agent'
    | 'session'
    | 'run'
    | 'document'
    | 'key'
    | 'token'
    | 'scope'
    | 'member'
    | 'user'
    | 'endpoint'
    | 'delivery'
  readonly query: string
  readonly nothing: unknown
  /** The errors beside it; absent: none. */
  readonly errors?: readonly unknown[]
  /** Whether the id of an object of any other kind names that object. */
  readonly takesAnyKind?: true
}

type Kind = IdPlace['kind']

const item = (kind: Kind, field: string): IdPlace => ({
  name: field,
  kind,
  query: `query ($id: ID!) { it: ${field}(id: $id) { __typename id } }`,
  nothing: null,
})

const itemOfAnyKind = (kind: Kind): IdPlace[] => [
  { ...item(kind, 'node'), takesAnyKind: true },
  {
    name: 'nodes',
    kind,
    query: 'query ($id: ID!) { it: nodes(ids: [$id]) { __typename id } }',
    nothing: [null],
    takesAnyKind: true,
  },
]

const filter = (kind: Kind, list: string, field: string): IdPlace => ({
  name: `${list} of ${field}`,
  kind,
  query: `query ($id: ID!) { it: ${list}(filter: { ${field}: $id }) {
    __typename edges { cursor } nodes { id }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`,
  nothing: expectConnection(list),
})

function expectConnection(list: string): unknown {
  const names = {
    accessTokens: 'AccessToken',
    agents: 'Agent',
    apiKeys: 'ApiKey',
    auditEvents: 'AuditEvent',
    members: 'Member',
    sessions: 'Session',
  }
  const name = names[list as keyof typeof names]
  return {
    __typename: `${name}Connection`,
    edges: [],
    nodes: [],
    pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
  }
}

const mutation = (kind: Kind, field: string, input: string, path: string): IdPlace => ({
  name: `${field} ${path}`,
  kind,
  query: `mutation ($id: ID!) { it: ${field}(input: { ${input} }) {
    __typename errors { code message path } } }`,
  nothing: {
    __typename: `${field.charAt(0).toUpperCase()}${field.slice(1)}Payload`,
    errors: [
      { code: 'NOT_FOUND', message: expect.any(String), path: ['input', ...path.split('.')] },
    ],
  },
})

/** What of nothing is found to be revoked. */
const revoked = (kind: Kind, field: string): IdPlace => ({
  name: `revokeApiKeys ${field}`,
  kind,
  query: `mutation ($id: ID!) { it: revokeApiKeys(input: { filter: { ${field}: $id } }) {
    revokedCount apiKeys { id } errors { code } } }`,
  nothing: { revokedCount: 0, apiKeys: [], errors: [] },
})

/** With a file, which `World.gql` brings. */
const upload: IdPlace = {
  ...mutation('session', 'uploadDocument', 'sessionId: $id, file: $file', 'sessionId'),
  query: `mutation ($id: ID!, $file: File!) {
    it: uploadDocument(input: { sessionId: $id, file: $file }) {
      __typename errors { code message path } } }`,
}

/** Of one key that is to be imported; what is wrong is told of that key. */
const imported = (kind: Kind, input: string, path: string): IdPlace => ({
  name: `importLegacyKeys ${path}`,
  kind,
  query: `mutation ($id: ID!) { it: importLegacyKeys(input: { keys: [{ name: "k", value: "${'v'.repeat(16)}", encoding: PLAINTEXT, ${input} }] }) {
    __typename errors { code } results { index apiKey { id } errors { code message path } } } }`,
  nothing: {
    __typename: 'ImportLegacyKeysPayload',
    errors: [],
    results: [
      {
        index: 0,
        apiKey: null,
        errors: [
          {
            code: 'NOT_FOUND',
            message: expect.any(String),
            path: ['input', 'keys', '0', ...path.split('.')],
          },
        ],
      },
    ],
  },
})

/** Ids of the caller's own, to stand beside the one that is tried; and of a legacy key. */
export type OwnIds = Readonly<Record<Kind | 'legacy', string>>

/** Spaces are judged by what is verified: here the caller's own credential. */
const verification = (secret: string): IdPlace => ({
  name: 'verifyApiKey spaceIds',
  kind: 'space',
  query: `mutation ($id: ID!) { it: verifyApiKey(input: { secret: "${secret}", spaceIds: [$id] }) {
    code permissions missingPermissions rateLimits { remaining } errors { code } } }`,
  nothing: {
    code: 'SPACE_NOT_ALLOWED',
    permissions: expect.any(Array),
    missingPermissions: [],
    rateLimits: [],
    errors: [],
  },
})

const explained = (kind: Kind, field: string): IdPlace => ({
  name: `explainAccess ${field}`,
  kind,
  query: `query ($id: ID!) { it: explainAccess(input: { permissions: [], ${field}: $id }) { code } }`,
  nothing: null,
})

/** What a credential is asked to be good for must be seen by who asks. */
const askedFor = (kind: Kind, field: string, given: string): IdPlace => ({
  ...explained(kind, field),
  query: `query ($id: ID!) { it: explainAccess(input: { permissions: [], ${given} }) { code } }`,
  errors: [
    expect.objectContaining({
      path: ['it'],
      extensions: expect.objectContaining({
        code: 'BAD_USER_INPUT',
        errors: [
          { code: 'NOT_FOUND', message: expect.any(String), path: ['input', ...field.split('.')] },
        ],
      }),
    }),
  ],
})

/** Every place of the API where an id goes in, for a caller with that credential. */
export const idPlaces = (own: OwnIds, secret: string): readonly IdPlace[] => [
  verification(secret),
  explained('key', 'apiKeyId'),
  explained('token', 'accessTokenId'),
  askedFor('space', 'spaceIds.0', 'spaceIds: [$id]'),
  askedFor('agent', 'agentId', 'agentId: $id'),
  item('token', 'accessToken'),
  item('agent', 'agent'),
  item('document', 'document'),
  item('key', 'apiKey'),
  item('member', 'member'),
  item('run', 'run'),
  item('scope', 'scope'),
  item('session', 'session'),
  item('space', 'space'),
  ...(Object.keys(own) as (keyof OwnIds)[]).flatMap((kind) =>
    kind === 'legacy' || kind === 'user' || kind === 'delivery' ? [] : itemOfAnyKind(kind),
  ),
  filter('key', 'accessTokens', 'apiKeyId'),
  filter('user', 'accessTokens', 'ownerId'),
  filter('user', 'auditEvents', 'actorId'),
  filter('key', 'auditEvents', 'apiKeyId'),
  { ...filter('key', 'auditEvents', 'targetId'), takesAnyKind: true },
  filter('space', 'agents', 'spaceId'),
  filter('space', 'members', 'spaceId'),
  filter('agent', 'sessions', 'agentId'),
  filter('space', 'apiKeys', 'spaceId'),
  filter('scope', 'apiKeys', 'scopeId'),
  filter('user', 'apiKeys', 'ownerId'),
  filter('user', 'apiKeys', 'createdById'),
  filter('key', 'apiKeys', 'createdByKeyId'),
  mutation('space', 'addSpaceMember', `spaceId: $id, memberId: "${own.member}"`, 'spaceId'),
  mutation('member', 'addSpaceMember', `spaceId: "${own.space}", memberId: $id`, 'memberId'),
  mutation('space', 'removeSpaceMember', `spaceId: $id, memberId: "${own.member}"`, 'spaceId'),
  mutation('member', 'removeSpaceMember', `spaceId: "${own.space}", memberId: $id`, 'memberId'),
  mutation('space', 'updateSpace', 'id: $id, name: "taken"', 'id'),
  mutation('space', 'deleteSpace', 'id: $id', 'id'),
  mutation('space', 'createAgent', `name: "a", spaceIds: ["${own.space}", $id]`, 'spaceIds.1'),
  mutation('agent', 'updateAgent', 'id: $id, name: "taken"', 'id'),
  mutation('space', 'updateAgent', `id: "${own.agent}", spaceIds: [$id]`, 'spaceIds.0'),
  mutation('agent', 'deleteAgent', 'id: $id', 'id'),
  mutation('agent', 'createSession', 'agentId: $id', 'agentId'),
  mutation('session', 'terminateSession', 'id: $id', 'id'),
  mutation('agent', 'runAgent', 'agentId: $id, input: "i"', 'agentId'),
  mutation('session', 'runAgent', 'sessionId: $id, input: "i"', 'sessionId'),
  mutation('run', 'cancelRun', 'id: $id', 'id'),
  upload,
  mutation('document', 'deleteDocument', 'id: $id', 'id'),
  mutation('space', 'createApiKey', 'name: "k", spaces: [{ spaceId: $id }]', 'spaces.0.spaceId'),
  mutation('scope', 'createApiKey', 'name: "k", scopeIds: [$id]', 'scopeIds.0'),
  mutation('user', 'createApiKey', 'name: "k", ownerId: $id', 'ownerId'),
  imported('user', 'ownerId: $id', 'ownerId'),
  imported('space', `ownerId: "${own.user}", spaceIds: [$id]`, 'spaceIds.0'),
  mutation('key', 'migrateLegacyKey', 'id: $id', 'id'),
  mutation(
    'space',
    'migrateLegacyKey',
    `id: "${own.legacy}", spaces: [{ spaceId: $id }]`,
    'spaces.0.spaceId',
  ),
  mutation('scope', 'migrateLegacyKey', `id: "${own.legacy}", scopeIds: [$id]`, 'scopeIds.0'),
  mutation('key', 'updateApiKey', 'id: $id, name: "taken"', 'id'),
  mutation(
    'space',
    'updateApiKey',
    `id: "${own.key}", spaces: [{ spaceId: $id }]`,
    'spaces.0.spaceId',
  ),
  mutation('scope', 'updateApiKey', `id: "${own.key}", scopeIds: [$id]`, 'scopeIds.0'),
  mutation('space', 'createAccessToken', 'spaceIds: [$id]', 'spaceIds.0'),
  mutation('token', 'revokeAccessToken', 'id: $id', 'id'),
  mutation('key', 'revokeAccessTokens', 'apiKeyId: $id', 'apiKeyId'),
  mutation('key', 'rotateApiKey', 'id: $id', 'id'),
  mutation('key', 'revokeApiKey', 'id: $id', 'id'),
  mutation('key', 'revokeApiKey', 'id: $id, includeCreated: true', 'id'),
  revoked('space', 'spaceId'),
  revoked('scope', 'scopeId'),
  revoked('user', 'ownerId'),
  revoked('user', 'createdById'),
  revoked('key', 'createdByKeyId'),
  mutation('key', 'disableApiKey', 'id: $id', 'id'),
  mutation('key', 'enableApiKey', 'id: $id', 'id'),
  mutation('key', 'transferApiKey', `id: $id, ownerId: "${own.user}"`, 'id'),
  mutation('user', 'transferApiKey', `id: "${own.key}", ownerId: $id`, 'ownerId'),
  mutation('space', 'createMachineUser', 'name: "m", role: MEMBER, spaceIds: [$id]', 'spaceIds.0'),
  mutation('member', 'updateMember', 'id: $id, name: "taken"', 'id'),
  mutation('member', 'removeMember', 'id: $id', 'id'),
  mutation('scope', 'updateScope', 'id: $id, name: "taken"', 'id'),
  mutation('scope', 'deleteScope', 'id: $id', 'id'),
  mutation('endpoint', 'updateWebhookEndpoint', 'id: $id, enabled: false', 'id'),
  mutation('endpoint', 'deleteWebhookEndpoint', 'id: $id', 'id'),
  mutation('delivery', 'retryWebhookDelivery', 'id: $id', 'id'),
]
