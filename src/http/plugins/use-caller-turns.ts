import { type ExecutionArgs, OperationTypeNode } from 'graphql'
import type { YogaInitialContext } from 'graphql-yoga'
import { userIdOf } from '../../auth/caller.ts'
import type { Deps } from '../../deps.ts'
import { CallerTurns } from '../../limits/caller-turns.ts'
import type { ServerContext } from '../server-context.ts'
import type { HttpPlugin } from '../yoga.ts'

/** The embedded database does one thing at a time; PostgreSQL as many as there are connections to it. */
const atOnce = { embedded: 4, postgres: 10 }

/**
 * Executes the queries of a caller a few at a time. Mutations wait for each other already, and one
 * that runs an agent may take minutes.
 */
export function useCallerTurns({ embedded }: Pick<Deps, 'embedded'>): HttpPlugin {
  const turns = new CallerTurns(embedded ? atOnce.embedded : atOnce.postgres)
  return {
    onExecute({ args, executeFn, setExecuteFn }) {
      const { request, state } = args.contextValue as YogaInitialContext & ServerContext
      const { caller: principal, operation } = state
      if (principal === undefined || operation?.operation !== OperationTypeNode.QUERY) return
      const caller = 'key' in principal && principal.key ? principal.key.id : userIdOf(principal)
      setExecuteFn((its: ExecutionArgs) =>
        // Of a client that has gone meanwhile nothing is asked any more.
        turns.run(caller, () => (request.signal.aborted ? { data: null } : executeFn(its))),
      )
    },
  }
}
