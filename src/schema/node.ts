import type { ObjectRef } from '@pothos/core'
import type { GraphQLResolveInfo } from 'graphql'
import { type IdKind, isId, prefixOf } from '../ids.ts'
import { builder, type Types } from './builder.ts'
import type { Context } from './context.ts'
import { refusalOf } from './guard.ts'

/** A row of an entity that has an id of its own. */
export interface Identified {
  readonly id: string
}

/** How the ids of an entity are resolved. */
interface Resolution {
  /** The query field for one such entity; `node` needs what that field needs. */
  readonly item: string
  /** The entities of these ids that the caller sees, in any order, in one statement. */
  readonly find: (
    context: Context,
    ids: string[],
    info: GraphQLResolveInfo,
  ) => Promise<readonly (Identified | null)[]>
}

interface NodeType extends Resolution {
  readonly name: string
}

const nodeTypes = new Map<string, NodeType>()

const nodeTypeOf = (id: string): NodeType | undefined =>
  isId(id) ? nodeTypes.get(prefixOf(id)) : undefined

export const Node = builder.interfaceRef<Identified>('Node').implement({
  description: 'An object with an id of its own.',
  fields: (t) => ({
    id: t.exposeID('id', { guard: 'public', description: 'The id of the object.' }),
  }),
  resolveType: ({ id }) => nodeTypeOf(id)?.name,
})

/** Makes the type implement Node: ids of that kind are resolved to its objects. */
export function nodeType<Row extends Identified>(
  kind: IdKind,
  type: ObjectRef<Types, Row>,
  resolution: Resolution,
): void {
  type.addInterfaces([Node])
  nodeTypes.set(kind, { ...resolution, name: type.name })
}

/** A type of objects with ids, and the query field whose permissions these need. */
type FoundType = Pick<NodeType, 'name' | 'item'>

/** The types that these ids lead to. */
export const typesOfIds = (ids: readonly string[]): readonly FoundType[] =>
  [...new Set(ids.map(nodeTypeOf))].filter((type) => type !== undefined)

/** Every type that some id leads to. */
export const allNodeTypes = (): readonly FoundType[] => [...nodeTypes.values()]

/**
 * The objects of one type, by their ids.
 * @throws RequestError as its query field does, whether or not there is such an object
 */
async function findOfType(
  { item, find }: NodeType,
  context: Context,
  ids: string[],
  info: GraphQLResolveInfo,
): Promise<ReadonlyMap<string, Identified>> {
  const field = info.schema.getQueryType()?.getFields()[item]
  if (field === undefined) throw new Error(`there is no query field ${item}`)
  const refusal = refusalOf(field, context)
  if (refusal !== undefined) throw refusal
  const rows = await find(context, ids, info)
  return new Map(rows.flatMap((row) => (row === null ? [] : [[row.id, row]])))
}

/**
 * The object of each id; null for what the caller does not see and for what names no object, an error
 * where the query field of its type fails. Objects of one type are read in one statement.
 */
export async function findNodes(
  context: Context,
  info: GraphQLResolveInfo,
  ids: readonly string[],
): Promise<(Identified | Error | null)[]> {
  const byType = Map.groupBy(new Set(ids), nodeTypeOf)
  byType.delete(undefined)
  const found = new Map<NodeType | undefined, ReadonlyMap<string, Identified> | Error>()
  const load = async (type: NodeType, its: string[]): Promise<void> => {
    const rows = findOfType(type, context, its, info)
    found.set(type, await rows.catch((error: Error) => error))
  }
  await Promise.all([...byType].map(([type, its]) => type && load(type, its)))
  return ids.map((id) => {
    const its = found.get(nodeTypeOf(id))
    return its instanceof Error ? its : (its?.get(id) ?? null)
  })
}
