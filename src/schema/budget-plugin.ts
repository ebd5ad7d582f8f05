import SchemaBuilder, {
  BasePlugin,
  type PothosOutputFieldConfig,
  PothosSchemaError,
  type SchemaTypes,
} from '@pothos/core'
import type { GraphQLFieldResolver } from 'graphql'
import type { ListSize } from '../limits/list-size.ts'
import type { Context } from './context.ts'
import { isLeaf } from './guard.ts'

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      budget: BudgetPlugin<Types>
    }
    export interface FieldOptions<
      Types extends SchemaTypes = SchemaTypes,
      ParentShape = unknown,
      Type extends
        import('@pothos/core').TypeParam<Types> = import('@pothos/core').TypeParam<Types>,
      Nullable extends
        import('@pothos/core').FieldNullability<Type> = import('@pothos/core').FieldNullability<Type>,
      Args extends import('@pothos/core').InputFieldMap = import('@pothos/core').InputFieldMap,
      ResolveShape = unknown,
      ResolveReturnShape = unknown,
    > {
      /** How many items a list can hold; every list declares it. */
      listSize?: ListSize
    }
  }
}

/** Whether it must be waited for: Prisma's promises are none of JavaScript's own. */
export const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function'

/**
 * Counts the value of every field against the operation's budget, and keeps what each list declares
 * of its size, for the estimate before execution. A list that declares none does not build.
 */
export class BudgetPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onOutputFieldConfig(
    field: PothosOutputFieldConfig<Types>,
  ): PothosOutputFieldConfig<Types> {
    if (field.type.kind !== 'List') return field
    const { listSize } = field.pothosOptions as { listSize?: ListSize }
    if (listSize === undefined)
      throw new PothosSchemaError(`${field.parentType}.${field.name} declares no listSize.`)
    return { ...field, extensions: { ...field.extensions, listSize } }
  }

  override wrapResolve(
    resolve: GraphQLFieldResolver<unknown, Types['Context'], object>,
    { type }: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    const admit = isLeaf(type) ? 'admitLeaf' : 'admitObjects'
    return (parent, args, context, info) => {
      const { budget } = context as Context
      if (budget.refusal !== undefined) return Promise.reject(budget.refusal)
      let value: unknown
      try {
        value = resolve(parent, args, context, info)
      } catch (error) {
        return Promise.reject(budget.failure(error, info))
      }
      return isPromise(value)
        ? value.then(
            (awaited) => budget[admit](awaited, info),
            (error: unknown) => Promise.reject(budget.failure(error, info)),
          )
        : budget[admit](value, info)
    }
  }
}

SchemaBuilder.registerPlugin('budget', BudgetPlugin)
