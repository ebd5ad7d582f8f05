import type { ObjectRef } from '@pothos/core'
import type { PermissionName } from '../auth/permissions.ts'
import { type IdKind, isId } from '../ids.ts'
import { builder, type Types } from './builder.ts'
import type { Context } from './context.ts'
import { type Identified, nodeType } from './node.ts'
import { type Plan, planOf } from './visible-rows.ts'

interface Entity {
  /** The query field for one of them. */
  readonly item: string
  readonly guard: PermissionName
  readonly description: string
  /** What its id is of, in words. */
  readonly noun: string
  /** Those of these ids that the caller sees, in any order, in one statement. */
  readonly find: (
    context: Context,
    ids: string[],
    plan: Plan,
  ) => Promise<readonly (Identified | null)[]>
}

/** An entity with an id of its own: a Node, and a query field for one of them, which find the same. */
export function entity<Row extends Identified>(
  kind: IdKind,
  type: ObjectRef<Types, Row>,
  { item, guard, description, noun, find }: Entity,
): void {
  nodeType(kind, type, {
    item,
    find: (context, ids, info) => find(context, ids, planOf(context, info, type.name)),
  })
  builder.queryField(item, (t) =>
    t.field({
      type: type as ObjectRef<Types, object>,
      nullable: true,
      guard,
      description,
      args: { id: t.arg.id({ required: true, description: `The id of the ${noun}.` }) },
      resolve: async (_root, { id }, context, info) => {
        const [found] = isId(id) ? await find(context, [id], planOf(context, info)) : []
        return found ?? null
      },
    }),
  )
}
