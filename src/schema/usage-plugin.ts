import SchemaBuilder, {
  BasePlugin,
  type PothosOutputFieldConfig,
  type PothosOutputFieldType,
  type SchemaTypes,
} from '@pothos/core'
import type { GraphQLFieldResolver } from 'graphql'
import { isPromise } from './budget-plugin.ts'
import type { Context } from './context.ts'

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      usage: UsagePlugin<Types>
    }
  }
}

/** The types whose rows are in spaces, and the interface of all that has an id. */
const typesInSpaces = new Set(['Space', 'Agent', 'Session', 'Run', 'Document', 'Node'])

const itemOf = <Types extends SchemaTypes>(
  type: PothosOutputFieldType<Types>,
): Exclude<PothosOutputFieldType<Types>, { readonly kind: 'List' }> =>
  type.kind === 'List' ? itemOf(type.type) : type

const idsOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).flatMap((row) =>
    typeof row?.id === 'string' ? [row.id] : [],
  )

/**
 * Notes the rows in spaces that a key is shown, as uses of their spaces. Stands behind what decides
 * whether it is shown them.
 */
export class UsagePlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(
    resolve: GraphQLFieldResolver<unknown, Types['Context'], object>,
    { type, extensions }: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    const { kind, ref } = itemOf(type)
    if ((kind !== 'Object' && kind !== 'Interface') || extensions?.isNoUse) return resolve
    if (!typesInSpaces.has(this.builder.configStore.getTypeConfig(ref).name)) return resolve
    const noted = (value: unknown, context: Types['Context']): unknown => {
      const ids = idsOf(value)
      const asked = context as Context
      // Who is in no workspace is shown none.
      if (ids.length > 0) asked.deps.usage.usedRights(asked.caller, [], ids)
      return value
    }
    return (parent, args, context, info) => {
      const value = resolve(parent, args, context, info)
      return isPromise(value) ? value.then((rows) => noted(rows, context)) : noted(value, context)
    }
  }
}

SchemaBuilder.registerPlugin('usage', UsagePlugin)
