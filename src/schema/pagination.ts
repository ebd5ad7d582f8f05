import type { ArgBuilder, InputObjectRef, ObjectRef } from '@pothos/core'
import { getRefFromModel } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import type { Caller } from '../auth/caller.ts'
import type { PermissionName } from '../auth/permissions.ts'
import type { NestedListing } from '../db/nested-pages.ts'
import { encodeCursor, type Listed, type Page, type PageArgs } from '../db/page.ts'
import type PrismaTypes from '../generated/pothos.ts'
import { builder, type Types } from './builder.ts'
import type { Context } from './context.ts'
import { parentsPage } from './visible-rows.ts'

const PageInfo = builder.objectRef<Page>('PageInfo').implement({
  description: 'Information to aid in pagination.',
  leafFields: 'public',
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage', {
      description: 'Whether there are more items after this page.',
    }),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage', {
      description: 'Whether there are items before this page: it was asked for by a cursor.',
    }),
    startCursor: t.string({
      nullable: true,
      description: 'The cursor of the first item.',
      resolve: ({ nodes }) => cursorOf(nodes.at(0)),
    }),
    endCursor: t.string({
      nullable: true,
      description: 'The cursor of the last item: pass it as `after` for the next page.',
      resolve: ({ nodes }) => cursorOf(nodes.at(-1)),
    }),
  }),
})

type Row = Page['nodes'][number]

const cursorOf = (row: Row | undefined): string | null =>
  row === undefined ? null : encodeCursor(row)

/** The connection and edge types of a listed entity: `<name>Connection`, `<name>Edge`. */
function connectionOf(name: string, listed: ObjectRef<Types, Row>): ObjectRef<Types, Page> {
  const edge = builder.objectRef<Row>(`${name}Edge`).implement({
    description: `An edge in a connection of type ${name}.`,
    leafFields: 'public',
    fields: (t) => ({
      cursor: t.string({
        description: 'A cursor for use in pagination.',
        resolve: (row) => encodeCursor(row),
      }),
      node: t.field({
        type: listed,
        guard: 'public',
        description: 'The item at the end of the edge.',
        resolve: (row) => row,
      }),
    }),
  })
  return builder.objectRef<Page>(`${name}Connection`).implement({
    description: `The connection type for ${name}, newest first.`,
    fields: (t) => ({
      edges: t.field({
        type: [edge],
        guard: 'public',
        listSize: 'page',
        description: 'A list of edges.',
        resolve: ({ nodes }) => [...nodes],
      }),
      nodes: t.field({
        type: [listed],
        guard: 'public',
        listSize: 'page',
        description: 'A list of nodes.',
        resolve: ({ nodes }) => [...nodes],
      }),
      pageInfo: t.field({
        type: PageInfo,
        guard: 'public',
        description: 'Information to aid in pagination.',
        resolve: (page) => page,
      }),
    }),
  })
}

/** The type of a model, for fields of modules that do not know it otherwise. */
export const modelType = (model: keyof PrismaTypes): ObjectRef<Types, object> =>
  getRefFromModel(model, builder) as ObjectRef<Types, object>

const connections = new Map<string, ObjectRef<Types, Page>>()

/** The connection of a model: the same wherever it is asked for. */
export function modelConnection(model: keyof PrismaTypes): ObjectRef<Types, Page> {
  const connection =
    connections.get(model) ?? connectionOf(model, modelType(model) as ObjectRef<Types, Row>)
  connections.set(model, connection)
  return connection
}

/** The arguments of a connection. */
export const pageArgs = (arg: Pick<ArgBuilder<Types>, 'int' | 'string'>) => ({
  first: arg.int({ description: 'Returns the first n items: 1 to 100, 20 by default.' }),
  after: arg.string({ description: 'Returns the items that come after this cursor.' }),
})

/** A list of the workspace's entities of a model; its resolver is left to say. */
export const modelList = <Filter extends object>(
  model: keyof PrismaTypes,
  guard: PermissionName,
  description: string,
  filter: InputObjectRef<Types, Filter>,
) =>
  ({
    type: modelConnection(model),
    nullable: true,
    guard,
    description,
    args: builder.args((t) => ({
      ...pageArgs(t),
      filter: t.field({ type: filter, description: 'Filters the list.' }),
    })),
  }) as const

/** A parent's own list of entities of a model, as far as the caller sees them. */
export const nestedList = (
  model: keyof PrismaTypes,
  guard: PermissionName,
  description: string,
  listing: (caller: Caller) => NestedListing,
) =>
  ({
    type: modelConnection(model),
    nullable: true,
    guard,
    description,
    args: builder.args(pageArgs),
    resolve: (
      { id }: Pick<Listed, 'id'>,
      args: PageArgs,
      context: Context,
      info: GraphQLResolveInfo,
    ) => parentsPage(context, info, id, args, () => listing(context.caller)),
  }) as const
