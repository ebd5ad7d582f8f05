import type { ArgBuilder, ObjectRef } from '@pothos/core'
import { getRefFromModel } from '@pothos/plugin-prisma'
import { encodeCursor, type Listed, type Page } from '../db/page.ts'
import type PrismaTypes from '../generated/pothos.ts'
import { builder, type Types } from './builder.ts'

const PageInfo = builder.objectRef<Page>('PageInfo').implement({
  description: 'Where a page stands in its list.',
  leafFields: 'public',
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage', { description: 'Whether more follows.' }),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage', {
      description: 'Whether the page was asked for behind a cursor.',
    }),
    startCursor: t.string({
      nullable: true,
      description: 'The place of the first row.',
      resolve: ({ nodes }) => cursorOf(nodes.at(0)),
    }),
    endCursor: t.string({
      nullable: true,
      description: 'The place of the last row: what `after` takes to go on.',
      resolve: ({ nodes }) => cursorOf(nodes.at(-1)),
    }),
  }),
})

const cursorOf = (row: Listed | undefined): string | null =>
  row === undefined ? null : encodeCursor(row)

/** The connection and edge types of a listed entity: `<name>Connection`, `<name>Edge`. */
function connectionOf(name: string, listed: ObjectRef<Types, Listed>): ObjectRef<Types, Page> {
  const edge = builder.objectRef<Listed>(`${name}Edge`).implement({
    description: `A place in a list of type ${name}.`,
    leafFields: 'public',
    fields: (t) => ({
      cursor: t.string({ description: 'This place.', resolve: (row) => encodeCursor(row) }),
      node: t.field({
        type: listed,
        guard: 'public',
        description: 'What is there.',
        resolve: (row) => row,
      }),
    }),
  })
  return builder.objectRef<Page>(`${name}Connection`).implement({
    description: `A page of a list of type ${name}, newest first.`,
    fields: (t) => ({
      edges: t.field({
        type: [edge],
        guard: 'public',
        listSize: 'page',
        description: 'The rows with their places.',
        resolve: ({ nodes }) => [...nodes],
      }),
      nodes: t.field({
        type: [listed],
        guard: 'public',
        listSize: 'page',
        description: 'The rows.',
        resolve: ({ nodes }) => [...nodes],
      }),
      pageInfo: t.field({
        type: PageInfo,
        guard: 'public',
        description: 'Whether there is more.',
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
    connections.get(model) ?? connectionOf(model, modelType(model) as ObjectRef<Types, Listed>)
  connections.set(model, connection)
  return connection
}

/** The arguments of a connection. */
export const pageArgs = (arg: ArgBuilder<Types>) => ({
  first: arg.int({ description: 'How many rows: 1 to 100, 20 by default.' }),
  after: arg.string({ description: 'A cursor: the page begins behind it.' }),
})
