import {
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  type GraphQLField,
  getOperationAST,
  OperationTypeNode,
} from 'graphql'
import { requirementOf } from '../../auth/guard.ts'
import { holds } from '../../auth/policy.ts'
import type { Context } from '../../context.ts'
import { RequestError } from '../../errors.ts'
import { variableErrors } from '../../graphql/variable-errors.ts'
import { leastCost, operationCost } from '../../limits/operation-cost.ts'
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

/** How many a list may have that is as long as a setting says. */
function listSize({ deps }: Context, { extensions }: GraphQLField<unknown, unknown>) {
  return typeof extensions.listSize === 'function' ? Number(extensions.listSize(deps)) : undefined
}

/** Executes within the context's limits; of a query that exceeds them nothing is answered. */
async function executeWithin(context: Context, args: ExecutionArgs) {
  const operation = getOperationAST(args.document, args.operationName)?.operation
  // What a mutation has done is told, whatever else it shows: a new secret is shown this once.
  if (operation === OperationTypeNode.MUTATION) return await execute(args)
  const result = await context.untilRefused(() => execute(args))
  return result instanceof RequestError ? { data: null, errors: [maskError(result)] } : result
}

/**
 * Holds an operation to its limits and charges its caller, before and while it is executed. One that
 * cannot be executed costs a known caller the least that a request can.
 */
export const useOperationLimits = (): HttpPlugin => ({
  async onExecute({ args, setExecuteFn, setResultAndStopExecution }) {
    const context = operationContext(args.contextValue as unknown as ServerContext)
    const cost = operationCost(args, {
      isFree: (field) => isFree(context, field),
      listSize: (field) => listSize(context, field),
    })
    if (!context.isAnonymous) await context.charge(cost)
    const operation = getOperationAST(args.document, args.operationName)
    const invalid = operation
      ? variableErrors(args.schema, operation, args.variableValues ?? {})
      : []
    if (invalid.length > 0) {
      setResultAndStopExecution({ errors: invalid.map(maskError) })
      return
    }
    setExecuteFn((its: ExecutionArgs) => executeWithin(context, { ...its, contextValue: context }))
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
