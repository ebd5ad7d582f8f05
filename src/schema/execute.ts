import { type ExecutionArgs, type ExecutionResult, execute } from 'graphql'
import { type Awaitable, whenKnown } from '../when-known.ts'
import type { Context } from './context.ts'

/** Executes an operation within its context's budget. */
export const executeWithinBudget = (
  args: ExecutionArgs & { readonly contextValue: Context },
): Awaitable<ExecutionResult> =>
  // graphql-js gives a promise of its own, or the result where nothing is waited for.
  whenKnown(execute(args) as Awaitable<ExecutionResult>, (result) =>
    args.contextValue.budget.resultOf(result),
  )
