import { idCount, maxIds } from '../../input/ids.ts'
import { builder } from '../../schema/builder.ts'
import { findNodes, type Identified, Node } from '../../schema/node.ts'

builder.queryFields((t) => ({
  node: t.field({
    type: Node,
    nullable: true,
    guard: 'public',
    description:
      'An object by its id, of any type with a query field for one: it needs the permissions of that field, and what the caller does not see is null.',
    args: { id: t.arg.id({ required: true, description: 'The id of the object.' }) },
    resolve: async (_root, { id }, context, info) => {
      const [found = null] = await findNodes(context, info, [id])
      if (found instanceof Error) throw found
      return found
    },
  }),
  nodes: t.field({
    type: [Node],
    nullable: { list: false, items: true },
    guard: 'public',
    listSize: 'ids',
    description:
      'Objects by their ids, in the order of the ids: each as `node` gives it. Each id costs 1.',
    args: {
      ids: t.arg.idList({
        required: true,
        description: `The ids of the objects; ${maxIds} at most.`,
      }),
    },
    resolve: async (_root, { ids }, context, info) => {
      idCount(ids)
      const found = await findNodes(context, info, ids)
      // To the executor an error in a list is the failure of that item alone.
      return found.map((it) =>
        it instanceof Error ? context.budget.failure(it, info) : it,
      ) as (Identified | null)[]
    },
  }),
}))
