import type { Plugin } from 'graphql-yoga'
import type { Config } from '../config.ts'
import type { ServerContext } from './server-context.ts'

/** What of the settings the server itself looks at. */
export type ServerOptions = Pick<Config, 'graphiql' | 'introspection' | 'trustedProxies'> &
  Partial<Pick<Config, 'logRequests' | 'metricsToken'>>

export type HttpPlugin = Plugin<object, ServerContext>
