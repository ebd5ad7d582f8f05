import { type ExecutionArgs, type ExecutionResult, OperationTypeNode } from 'graphql'
import type { YogaInitialContext } from 'graphql-yoga'
import type { Deps } from '../../deps.ts'
import { badRequest } from '../../errors.ts'
import { minCost, operationSize } from '../../limits/operation-cost.ts'
import { createQueryQueue } from '../../limits/query-queue.ts'
import { executeWithinBudget } from '../../schema/execute.ts'
import { isFreeFor } from '../../schema/free-field.ts'
import { variableErrors } from '../../schema/variable-errors.ts'
import { whenKnown } from '../../when-known.ts'
import { maskError } from '../errors.ts'
import type { HttpPlugin } from '../plugin.ts'
import { operationContext, type ServerContext } from '../server-context.ts'

/**
 * Holds an operation to its limits and charges its caller, before and while it is executed. One that
 * cannot be executed costs a known caller the least that a request can.
 *
 * Queries take turns. Mutations wait for each other already, and one that runs an agent may take
 * minutes.
 */
export function useOperationLimits({ embedded }: Pick<Deps, 'embedded'>): HttpPlugin {
  const executeInTurn = createQueryQueue(embedded)
  return {
    onExecute({ args, setExecuteFn, setResultAndStopExecution }) {
      const serverContext = args.contextValue as YogaInitialContext & ServerContext
      const { signal } = serverContext.request
      const context = operationContext(serverContext)
      const { state } = serverContext
      const { operation } = state
      const { cost, canRun } = operationSize(args, { context, isFree: isFreeFor(context) })
      const isInTurn = canRun && operation?.operation === OperationTypeNode.QUERY
      const charged = context.isAnonymous || isInTurn ? undefined : context.charge(cost)
      return whenKnown<unknown, void>(charged, () => {
        // Not for every request: a list in a variable may be long, and is looked at each time.
        const invalid =
          canRun || !operation
            ? []
            : variableErrors(args.schema, operation, args.variableValues ?? {})
        if (invalid.length > 0) return setResultAndStopExecution({ errors: invalid.map(maskError) })
        state.isRefusable = operation?.operation !== OperationTypeNode.MUTATION
        setExecuteFn((its: ExecutionArgs) => {
          const execute = () => executeWithinBudget({ ...its, contextValue: context })
          return isInTurn && !context.isAnonymous
            ? executeInTurn(context, { cost, signal, execute })
            : execute()
        })
      })
    },
    onSubscribe() {
      throw badRequest('There are no subscriptions.')
    },
    onResultProcess({ serverContext: { state }, result, setResult }) {
      const { context } = state
      if (context === undefined || context.isAnonymous || context.charged !== undefined) return
      const { errors = [] } = result as ExecutionResult
      // Who is not let in pays nothing.
      if (errors.some(({ extensions }) => extensions.code === 'UNAUTHENTICATED')) return
      const refuse = (error: unknown) => setResult({ errors: [maskError(error)] })
      return Promise.resolve()
        .then(() => context.charge(minCost))
        .catch(refuse)
    },
  }
}
