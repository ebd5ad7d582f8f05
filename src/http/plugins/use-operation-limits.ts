import type { ExecutionArgs, ExecutionResult, GraphQLField } from 'graphql'
import { requirementOf } from '../../auth/guard.ts'
import { holds } from '../../auth/policy.ts'
import type { Context } from '../../context.ts'
import { executeWithinBudget } from '../../graphql/execute.ts'
import { variableErrors } from '../../graphql/variable-errors.ts'
import { leastCost, operationSize } from '../../limits/operation-cost.ts'
import { InvalidGraphQLRequestError, maskError } from '../errors.ts'
import { operationContext, type ServerContext } from '../server-context.ts'
import type { HttpPlugin } from '../yoga.ts'

/** What another pays for is free for those who may ask for it: a refusal is nobody else's to pay. */
function isFree(context: Context, field: GraphQLField<unknown, unknown>): boolean {
  if (field.extensions.isFree !== true || context.isAnonymous) return false
  const { principal } = context
  const asked = requirementOf(field)?.permissions ?? []
  return principal.workspaceId !== null && asked.every((name) => holds(principal.rights, name))
}

/**
 * Holds an operation to its limits and charges its caller, before and while it is executed. One that
 * cannot be executed costs a known caller the least that a request can.
 */
export const useOperationLimits = (): HttpPlugin => ({
  async onExecute({ args, setExecuteFn, setResultAndStopExecution }) {
    const serverContext = args.contextValue as unknown as ServerContext
    const context = operationContext(serverContext)
    const { operation } = serverContext.state
    const { cost, canRun } = operationSize(args, {
      context,
      isFree: (field) => isFree(context, field),
    })
    if (!context.isAnonymous) await context.charge(cost)
    // Not for every request: a list in a variable may be long, and is looked at each time.
    const invalid =
      canRun || !operation ? [] : variableErrors(args.schema, operation, args.variableValues ?? {})
    if (invalid.length > 0) {
      setResultAndStopExecution({ errors: invalid.map(maskError) })
      return
    }
    setExecuteFn((its: ExecutionArgs) => executeWithinBudget({ ...its, contextValue: context }))
  },
  onSubscribe() {
    throw new InvalidGraphQLRequestError('There are no subscriptions.')
  },
  async onResultProcess({ serverContext: { state }, result, setResult }) {
    const { context } = state
    if (context === undefined || context.isAnonymous || context.charged !== undefined) return
    const { errors = [] } = result as ExecutionResult
    // Who is not let in pays nothing.
    if (errors.some(({ extensions }) => extensions.code === 'UNAUTHENTICATED')) return
    await context.charge(leastCost).catch((error: unknown) => {
      setResult({ errors: [maskError(error)] })
    })
  },
})
