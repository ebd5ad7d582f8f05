import { type ExecutionArgs, type ExecutionResult, execute } from 'graphql'
import type { Context } from './context.ts'

/** Executes an operation within its context's budget. */
export const executeWithinBudget = async (
  args: ExecutionArgs & { readonly contextValue: Context },
): Promise<ExecutionResult> => args.contextValue.budget.resultOf(await execute(args))
