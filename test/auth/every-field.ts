import { newId } from '../../src/ids.ts'
import { operationLimits } from '../../src/limits/operation-limits.ts'
import { fieldPermissions } from './field-permissions.ts'

/** Inputs that the schema accepts and every service refuses as data, so that nothing changes. */
const nothing = {
  agt: newId('agt'),
  doc: newId('doc'),
  key: newId('key'),
  mem: newId('mem'),
  run: newId('run'),
  scp: newId('scp'),
  ses: newId('ses'),
  tok: newId('tok'),
  whd: newId('whd'),
  whk: newId('whk'),
}
const noSpace = newId('spc')
const inputs: Readonly<Record<string, string>> = {
  addMember: '{ email: "", role: MEMBER }',
  addSpaceMember: `{ spaceId: "${noSpace}", memberId: "${nothing.mem}" }`,
  cancelRun: `{ id: "${nothing.run}" }`,
  createAccessToken: '{ expiresInSeconds: 0 }',
  createAgent: '{ name: "", spaceIds: [] }',
  createApiKey: '{ name: "" }',
  createMachineUser: '{ name: "", role: MEMBER }',
  createScope: '{ name: "" }',
  createSession: `{ agentId: "${nothing.agt}" }`,
  createSpace: '{ name: "" }',
  createWebhookEndpoint: '{ url: "" }',
  createWorkspace: '{ name: "", slug: "" }',
  deleteAgent: `{ id: "${nothing.agt}" }`,
  deleteDocument: `{ id: "${nothing.doc}" }`,
  deleteScope: `{ id: "${nothing.scp}" }`,
  deleteSpace: `{ id: "${noSpace}" }`,
  deleteWebhookEndpoint: `{ id: "${nothing.whk}" }`,
  disableApiKey: `{ id: "${nothing.key}" }`,
  enableApiKey: `{ id: "${nothing.key}" }`,
  importLegacyKeys: '{ keys: [] }',
  migrateLegacyKey: `{ id: "${nothing.key}" }`,
  removeMember: `{ id: "${nothing.mem}" }`,
  removeSpaceMember: `{ spaceId: "${noSpace}", memberId: "${nothing.mem}" }`,
  retryWebhookDelivery: `{ id: "${nothing.whd}" }`,
  revokeAccessToken: `{ id: "${nothing.tok}" }`,
  revokeAccessTokens: `{ apiKeyId: "${nothing.key}" }`,
  revokeApiKey: `{ id: "${nothing.key}" }`,
  revokeApiKeys: '{ filter: {} }',
  // Asked for by keys here: only a token is rotated, by itself.
  rotateAccessToken: '{}',
  rotateApiKey: `{ id: "${nothing.key}" }`,
  runAgent: '{ input: "" }',
  terminateSession: `{ id: "${nothing.ses}" }`,
  transferApiKey: `{ id: "${nothing.key}", ownerId: "${newId('usr')}" }`,
  updateAgent: `{ id: "${nothing.agt}" }`,
  updateApiKey: `{ id: "${nothing.key}" }`,
  updateMember: `{ id: "${nothing.mem}" }`,
  updateScope: `{ id: "${nothing.scp}" }`,
  updateSpace: `{ id: "${noSpace}" }`,
  updateWebhookEndpoint: `{ id: "${nothing.whk}" }`,
  updateWorkspace: '{ name: "" }',
  uploadDocument: `{ sessionId: "${nothing.ses}", file: $file }`,
  verifyApiKey: '{ secret: "", cost: -1 }',
}

/** A mutation that changes nothing. */
export const mutationField = (name: string): string =>
  `${name}(input: ${inputs[name]}) { errors { code } }`

/** An operation of such fields. */
export function operationOf(type: 'query' | 'mutation', fields: readonly string[]): string {
  const text = fields.join(' ')
  return `${type} ${text.includes('$file') ? '($file: File!)' : ''} { ${text} }`
}

/** The arguments of the query fields that ask for things by their ids: of nothing. */
export const queryArguments: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      'accessToken',
      'agent',
      'apiKey',
      'document',
      'member',
      'run',
      'scope',
      'session',
      'space',
    ].map((name) => [name, `(id: "${noSpace}")`]),
  ),
  // Of a key that is not the caller's.
  explainAccess: `(input: { apiKeyId: "${nothing.key}", permissions: [] })`,
  requiredPermissions: '(operation: "{ viewer { kind } }")',
  // Of an id that is none of an object: what an id of a type asks for is that type's.
  node: `(id: "${newId('usr')}")`,
  nodes: `(ids: ["${newId('usr')}"])`,
}

export const queryField = (name: string): string =>
  `${name}${queryArguments[name] ?? ''} { __typename }`

/** The names of all fields of a type. */
export const namesOf = (type: string): string[] => [
  ...(fieldPermissions[type]?.open.split(' ').filter(Boolean) ?? []),
  ...Object.keys(fieldPermissions[type]?.guarded ?? {}),
]

interface Way {
  readonly type: string
  readonly way: readonly [string, string]
  readonly at: string
  readonly needs: readonly string[]
  /** What the field at the end of `at` asks for, where that is something else. */
  readonly atNeeds?: readonly string[]
}

/** A type that a list of the workspace gives. */
const listed = (type: string, list: string, permission: string): Way => ({
  type,
  way: [`${list}(first: 1) { nodes {`, '} }'],
  at: 'nodes',
  needs: [permission],
})

/** How the types with guarded fields of their own are come by; those of `needs` are guarded too. */
export const ways: readonly Way[] = [
  listed('AccessToken', 'accessTokens', 'tokens:read'),
  listed('Agent', 'agents', 'agents:read'),
  listed('AuditEvent', 'auditEvents', 'audit:read'),
  listed('Member', 'members', 'members:read'),
  listed('Scope', 'scopes', 'scopes:read'),
  listed('Session', 'sessions', 'sessions:read'),
  listed('Space', 'spaces', 'spaces:read'),
  {
    type: 'Run',
    way: ['sessions(first: 1) { nodes { runs(first: 1) { nodes {', '} } } }'],
    at: 'nodes.runs.nodes',
    needs: ['sessions:read'],
  },
  {
    type: 'Document',
    way: ['sessions(first: 1) { nodes { documents {', '} } }'],
    at: 'nodes.documents',
    needs: ['sessions:read'],
    atNeeds: ['documents:read'],
  },
  {
    type: 'WebhookEndpoint',
    way: ['webhookEndpoints {', '}'],
    at: '',
    needs: ['workspace:update'],
  },
  { type: 'Workspace', way: ['workspaces { nodes {', '} }'], at: 'nodes', needs: [] },
  { type: 'Viewer', way: ['viewer {', '}'], at: '', needs: [] },
  { type: 'ApiKey', way: ['viewer { apiKey {', '} }'], at: 'apiKey', needs: [] },
  { type: 'EffectiveSpace', way: ['viewer { spaces {', '} }'], at: 'spaces', needs: [] },
  {
    type: 'SpaceGrant',
    way: ['viewer { apiKey { spaces {', '} } }'],
    at: 'apiKey.spaces',
    needs: [],
  },
]

const leaves = new Set(['Member.keyCount', 'Scope.keyCount', 'Workspace.apiKeyCount'])
leaves.add('Workspace.keyLimit').add('Workspace.seatCount')

const guardedFields = (type: string): string =>
  Object.keys(fieldPermissions[type]?.guarded ?? {})
    .map((name) => (leaves.has(`${type}.${name}`) ? name : `${name} { __typename }`))
    .join(' ')

/** Ask for every query field and, by every way, for every guarded field of a type. */
export const queries: readonly string[] = [
  `{ ${namesOf('Query').map(queryField).join(' ')} }`,
  `{ ${ways.map(({ type, way }) => `as${type}: ${way[0]} ${guardedFields(type)} ${way[1]}`).join(' ')} }`,
]

const mutationNames = namesOf('Mutation')
const { rootFields } = operationLimits
/** Ask for every mutation, as many at a time as an operation may have; none changes anything. */
export const mutations: readonly string[] = Array.from(
  { length: Math.ceil(mutationNames.length / rootFields) },
  (_, part) => {
    const names = mutationNames.slice(part * rootFields, (part + 1) * rootFields)
    return operationOf('mutation', names.map(mutationField))
  },
)
