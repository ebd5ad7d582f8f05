import { createApp } from '../../../src/app.ts'
import type { Deps } from '../../../src/deps.ts'
import type { ServerOptions } from '../../../src/http/plugin.ts'
import { gqlOver, type World } from '../../setup/world.ts'

const options: ServerOptions = { graphiql: false, introspection: 'public', trustedProxies: [] }

/** Asks another instance of the application, over dependencies of the test's own. */
export const askOver = (deps: Deps): Pick<World, 'gql'> => ({
  gql: gqlOver(createApp(deps, options)),
})
