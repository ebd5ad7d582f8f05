import {
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLField,
  OperationTypeNode,
} from 'graphql'
import type { YogaInitialContext } from 'graphql-yoga'
import { userIdOf } from '../../auth/caller.ts'
import { requirementOf } from '../../auth/guard.ts'
import { holds } from '../../auth/policy.ts'
import type { Context } from '../../context.ts'
import type { Deps } from '../../deps.ts'
import { badRequest, rateLimited } from '../../errors.ts'
import { executeWithinBudget } from '../../graphql/execute.ts'
import { variableErrors } from '../../graphql/variable-errors.ts'
import { CallerTurns } from '../../limits/caller-turns.ts'
import { leastCost, operationSize } from '../../limits/operation-cost.ts'
import { maskError } from '../errors.ts'
import { operationContext, type ServerContext } from '../server-context.ts'
import type { HttpPlugin } from '../yoga.ts'

/** What another pays for is free for those who may ask for it: a refusal is nobody else's to pay. */
function isFree(context: Context, field: GraphQLField<unknown, unknown>): boolean {
  if (field.extensions.isFree !== true || context.isAnonymous) return false
  const { principal } = context
  const asked = requirementOf(field)?.permissions ?? []
  return principal.workspaceId !== null && asked.every((name) => holds(principal.rights, name))
}

/** A query of a known caller, whose client is there until the signal. */
interface Query {
  readonly cost: number
  readonly signal: AbortSignal
  readonly execute: () => Promise<ExecutionResult>
}

/** The embedded database does one thing at a time; PostgreSQL as many as there are connections to it. */
const turnsOf = (embedded: boolean) => ({
  /** Of a key with its tokens, or a person. */
  caller: new CallerTurns({ atOnce: embedded ? 4 : 10, waiting: 200 }),
  /** Of its keys one after another. */
  workspace: new CallerTurns({ atOnce: embedded ? 8 : 20 }),
})

/**
 * Holds an operation to its limits and charges its caller, before and while it is executed. One that
 * cannot be executed costs a known caller the least that a request can.
 *
 * Queries of a caller are executed a few at a time, and so are those of a workspace; what comes when
 * too many wait is refused before it is charged. Mutations wait for each other already, and one that
 * runs an agent may take minutes.
 */
export function useOperationLimits({ embedded }: Pick<Deps, 'embedded'>): HttpPlugin {
  const turns = turnsOf(embedded)

  const executeInTurn = async (
    context: Context,
    { cost, signal, execute }: Query,
  ): Promise<ExecutionResult> => {
    const { principal } = context
    const userId = userIdOf(principal)
    const caller = ('key' in principal && principal.key?.id) || userId
    if (turns.caller.isFull(caller)) {
      // Only looks, for the answer tells how the limits stand.
      await context.charge(0)
      throw rateLimited(1)
    }
    const result = await turns.caller.run(caller, {
      signal,
      admit: () => context.charge(cost),
      work: () => turns.workspace.run(principal.workspaceId ?? userId, { signal, work: execute }),
    })
    return result ?? { data: null }
  }

  return {
    async onExecute({ args, setExecuteFn, setResultAndStopExecution }) {
      const serverContext = args.contextValue as YogaInitialContext & ServerContext
      const { signal } = serverContext.request
      const context = operationContext(serverContext)
      const { operation } = serverContext.state
      const { cost, canRun } = operationSize(args, {
        context,
        isFree: (field) => isFree(context, field),
      })
      const isInTurn = canRun && operation?.operation === OperationTypeNode.QUERY
      if (!context.isAnonymous && !isInTurn) await context.charge(cost)
      // Not for every request: a list in a variable may be long, and is looked at each time.
      const invalid =
        canRun || !operation
          ? []
          : variableErrors(args.schema, operation, args.variableValues ?? {})
      if (invalid.length > 0) {
        setResultAndStopExecution({ errors: invalid.map(maskError) })
        return
      }
      setExecuteFn((its: ExecutionArgs) => {
        const execute = () => executeWithinBudget({ ...its, contextValue: context })
        return isInTurn && !context.isAnonymous
          ? executeInTurn(context, { cost, signal, execute })
          : execute()
      })
    },
    onSubscribe() {
      throw badRequest('There are no subscriptions.')
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
  }
}
