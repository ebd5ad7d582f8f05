import { getNamedType, isAbstractType, isIntrospectionType, isObjectType } from 'graphql'
import { expect, test } from 'vitest'
import { type FieldClass, fieldClass } from '../../src/limits/field-class.ts'
import { schema } from '../../src/schema/schema.ts'

const types = Object.values(schema.getTypeMap()).filter((type) => !isIntrospectionType(type))

const named = types.filter(isObjectType).flatMap((type) =>
  Object.values(type.getFields()).map((field) => ({
    name: `${type.name}.${field.name}`,
    kind: fieldClass(type, field),
  })),
)

const namesOf = (...kinds: readonly FieldClass[]): string[] =>
  named.flatMap(({ name, kind }) => (kinds.includes(kind) ? [name] : [])).sort()

// A new field that costs nothing by accident, or too much, is seen here.
test('it is decided what each field leads to', () => {
  expect(namesOf('CONNECTION')).toEqual([
    'Agent.sessions',
    'ApiKey.accessTokens',
    'Member.apiKeys',
    'Member.spaces',
    'Query.accessTokens',
    'Query.agents',
    'Query.apiKeys',
    'Query.auditEvents',
    'Query.members',
    'Query.scopes',
    'Query.sessions',
    'Query.spaces',
    'Query.workspaces',
    'Scope.apiKeys',
    'Session.runs',
    'Space.agents',
    'Space.apiKeys',
    'Space.members',
    'WebhookEndpoint.deliveries',
  ])
  expect(namesOf('ENTITY')).toEqual([
    'AccessToken.apiKey',
    'Agent.createdBy',
    'ApiKey.createdBy',
    'ApiKey.owner',
    'ApiKey.revokedBy',
    'AuditEvent.actor',
    'Document.createdBy',
    'Document.session',
    'EffectiveSpace.space',
    'Member.user',
    'Query.accessToken',
    'Query.agent',
    'Query.apiKey',
    'Query.document',
    'Query.member',
    'Query.node',
    'Query.run',
    'Query.scope',
    'Query.session',
    'Query.space',
    'Query.workspace',
    'Run.createdBy',
    'Run.session',
    'Session.agent',
    'Session.createdBy',
    'SpaceGrant.space',
    'Viewer.accessToken',
    'Viewer.apiKey',
    'Viewer.user',
    'Viewer.workspace',
  ])
  expect(namesOf('ENTITY_LIST')).toEqual([
    'AccessToken.spaces',
    'Agent.spaces',
    'ApiKey.scopes',
    'ApiKey.unusedSpaces',
    'Query.nodes',
    'Query.webhookEndpoints',
    'RevokeApiKeysPayload.apiKeys',
    'Session.documents',
  ])
  expect(
    namesOf('VALUE', 'VALUE_LIST').filter((name) => !/^Mutation\.|\.errors$/.test(name)),
  ).toEqual([
    'AccessExplanation.steps',
    'ApiKey.labels',
    'ApiKey.spaces',
    'AuditEvent.changes',
    'ImportLegacyKeysPayload.results',
    'Query.auditIntegrity',
    'Query.explainAccess',
    'Query.permissions',
    'Query.rateLimits',
    'Query.requiredPermissions',
    'Query.viewer',
    'RequiredPermissions.fields',
    'Session.documentLimits',
    'VerifyApiKeyPayload.rateLimits',
    'Viewer.spaces',
  ])
})

test("a payload's own entity is in payloads, and parts of pages are in pages alone", () => {
  const own = namesOf('OWN_ENTITY')
  expect(own.length).toBeGreaterThan(20)
  expect(own.filter((name) => !/^[A-Z]\w+Payload\.\w+$/.test(name))).toEqual(['ImportedKey.apiKey'])
  const parts = namesOf('PAGE_PART')
  const ofPages = /^\w+(Connection\.(edges|nodes|pageInfo)|Edge\.node)$/
  expect(parts.filter((name) => !ofPages.test(name))).toEqual([])
  const connections = types.filter(({ name }) => name.endsWith('Connection'))
  expect(parts).toHaveLength(connections.length * 4)
})

// Which fields of one are run is known only when they are: what is counted before is the most of its types.
test('the one interface is Node, which only what names ids leads to, and there is no union', () => {
  expect(types.filter(isAbstractType).map(({ name }) => name)).toEqual(['Node'])
  const leading = types.filter(isObjectType).flatMap((type) =>
    Object.values(type.getFields())
      .filter((field) => isAbstractType(getNamedType(field.type)))
      .map((field) => `${type.name}.${field.name}`),
  )
  expect(leading).toEqual(['Query.node', 'Query.nodes'])
})
