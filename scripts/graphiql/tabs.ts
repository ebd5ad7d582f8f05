import { readFileSync } from 'node:fs'

/** One tab of GraphiQL as a first visitor sees it. */
export interface GraphiqlTab {
  readonly query: string
  /** JSON text. client.js fills in what stands in angle brackets once it knows it. */
  readonly variables: string
}

const tab = (file: string, variables: object = {}): GraphiqlTab => ({
  query: readFileSync(new URL(`tabs/${file}`, import.meta.url), 'utf8'),
  variables: JSON.stringify(variables, null, 2),
})

/** What an admin does first, and then most often. */
export const readGraphiqlTabs = (): readonly GraphiqlTab[] => [
  tab('1-who-am-i.graphql'),
  tab('2-what-is-here.graphql'),
  tab('3-create-spaces.graphql', { one: { name: 'Support' }, another: { name: 'Sales' } }),
  tab('4-create-key.graphql', {
    input: {
      name: 'My first integration',
      permissions: ['spaces:read', 'agents:read', 'agents:update'],
      spaces: [
        { spaceId: '<id of a space>' },
        { spaceId: '<id of another space>', permissions: ['spaces:read', 'agents:read'] },
      ],
    },
  }),
  tab('5-keys-to-review.graphql', {
    expiring: { status: 'ACTIVE', expiresBefore: '<in 30 days>' },
    unused: { status: 'ACTIVE', neverUsed: true },
  }),
  tab('6-rotate-key.graphql', { input: { id: '<id of the key>', overlapSeconds: 3600 } }),
  tab('7-revoke-key.graphql', { input: { id: '<id of the key>', reason: 'No longer used' } }),
  tab('8-create-scope.graphql', {
    input: { name: 'Agent readers', permissions: ['spaces:read', 'agents:read'] },
  }),
  tab('9-invite-member.graphql', { input: { email: 'ada@example.com', role: 'MEMBER' } }),
  tab('10-what-does-it-need.graphql', {
    operation: '{ agents { nodes { name spaces { name } } } }',
  }),
  tab('11-why-is-it-refused.graphql', {
    input: { apiKeyId: '<id of the key>', permissions: ['agents:update'] },
  }),
  tab('12-audit.graphql', { filter: { actions: ['api_key.created', 'api_key.revoked'] } }),
]
