import { type AppOptions, createApp } from '../../../src/app.ts'
import type { Deps } from '../../../src/deps.ts'
import type { World } from '../../setup/world.ts'

const options: AppOptions = { graphiql: false, introspection: 'public', trustedProxies: [] }

/** Asks another instance of the application, over dependencies of the test's own. */
export function askOver(deps: Deps): Pick<World, 'gql'> {
  const app = createApp(deps, options)
  return {
    async gql(secret, query, variables, { address, headers } = {}) {
      const response = await app.fetch(
        new Request('http://latchkey.test/graphql', {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            ...(secret !== null && { authorization: `Bearer ${secret}` }),
            ...headers,
          },
          body: JSON.stringify({ query, variables }),
        }),
        address === undefined ? {} : { address },
      )
      const { data, errors = [] } = (await response.json()) as any
      return { status: response.status, headers: response.headers, data, errors }
    },
  }
}
