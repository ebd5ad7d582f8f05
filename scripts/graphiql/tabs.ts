import { readFileSync } from 'node:fs'

/** One tab of GraphiQL as a first visitor sees it. */
export interface GraphiqlTab {
  readonly query: string
  /** JSON text; what the visitor has to fill in stands in angle brackets. */
  readonly variables: string
}

const tab = (file: string, variables: object = {}): GraphiqlTab => ({
  query: readFileSync(new URL(`tabs/${file}`, import.meta.url), 'utf8'),
  variables: JSON.stringify(variables, null, 2),
})

/** The tour of the first five minutes, in its order. */
export const readGraphiqlTabs = (): readonly GraphiqlTab[] => [
  tab('1-who-am-i.graphql'),
  tab('2-what-is-here.graphql'),
  tab('3-create-key.graphql', {
    input: {
      name: 'My first integration',
      permissions: ['spaces:read', 'agents:read', 'agents:run'],
      spaces: [{ spaceId: '<id of a space>' }, { spaceId: '<id of another space>' }],
    },
  }),
  tab('4-rotate-key.graphql', { input: { id: '<id of the key>', overlapSeconds: 3600 } }),
  tab('5-revoke-key.graphql', { input: { id: '<id of the key>', reason: 'End of the tour' } }),
]
