import SchemaBuilder, {
  BasePlugin,
  type PothosOutputFieldConfig,
  type SchemaTypes,
} from '@pothos/core'
import type { GraphQLFieldResolver } from 'graphql'

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      columns: ColumnsPlugin<Types>
    }
  }
}

/**
 * Shows a column that a row has without asking which plan it was read by: to plugin-prisma each field
 * of each row is a place of its own, and in a large answer there are hundreds of thousands. Stands
 * before that plugin, which reads the columns that are missing.
 */
export class ColumnsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(
    resolve: GraphQLFieldResolver<unknown, Types['Context'], object>,
    { kind, extensions }: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    const column = extensions?.pothosPrismaVariant
    if (kind !== 'PrismaObject' || typeof column !== 'string') return resolve
    return (row, args, context, info) => {
      const value = (row as Readonly<Record<string, unknown>>)[column]
      return value === undefined ? resolve(row, args, context, info) : value
    }
  }
}

SchemaBuilder.registerPlugin('columns', ColumnsPlugin)
