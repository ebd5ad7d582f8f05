import {
  type FieldNode,
  type GraphQLResolveInfo,
  getNamedType,
  isAbstractType,
  Kind,
  type SelectionSetNode,
} from 'graphql'

/** What is selected of each object that a field leads to, as far as no resolver counts it. */
export interface SelectionSize {
  readonly fields: number
  /** The length of the names in JSON, with what surrounds them. */
  readonly nameBytes: number
  /** Those that are `__typename`, under whatever name. */
  readonly typenames: number
  /** The length of the values of these in JSON. */
  readonly typenameBytes: number
}

type Fragments = GraphQLResolveInfo['fragments']

/** The response names in a selection set, each with whether it is a `__typename`. */
function namesIn(
  { selections }: SelectionSetNode,
  fragments: Fragments,
  names = new Map<string, boolean>(),
  spread = new Set<string>(),
): ReadonlyMap<string, boolean> {
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) {
      const { alias, name } = selection
      names.set(alias?.value ?? name.value, name.value === '__typename')
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      namesIn(selection.selectionSet, fragments, names, spread)
    } else if (!spread.has(selection.name.value)) {
      spread.add(selection.name.value)
      const fragment = fragments[selection.name.value]
      if (fragment !== undefined) namesIn(fragment.selectionSet, fragments, names, spread)
    }
  }
  return names
}

/** The length in JSON of the longest name that an object of the type can have as its type. */
function typenameLength({ returnType, schema }: GraphQLResolveInfo): number {
  const type = getNamedType(returnType)
  const types = isAbstractType(type) ? schema.getPossibleTypes(type) : [type]
  return Math.max(...types.map(({ name }) => `"${name}"`.length))
}

function sizeOf(node: FieldNode, info: GraphQLResolveInfo): SelectionSize {
  const names = node.selectionSet ? namesIn(node.selectionSet, info.fragments) : new Map()
  const typenames = [...names].filter(([, isTypename]) => isTypename)
  const nameBytes = [...names.keys()].reduce((sum, name) => sum + name.length + 4, 0)
  const typenameBytes = typenames.length * typenameLength(info)
  return { fields: names.size, nameBytes, typenames: typenames.length, typenameBytes }
}

/** By fields of documents that are kept. */
const known = new WeakMap<FieldNode, SelectionSize>()

function knownSize(node: FieldNode, info: GraphQLResolveInfo): SelectionSize {
  const size = known.get(node) ?? sizeOf(node, info)
  known.set(node, size)
  return size
}

/**
 * The size of a field's selection, directives left aside: of what @skip and @include leave out, a
 * name is counted, and a `__typename`.
 */
export function selectionSize(info: GraphQLResolveInfo): SelectionSize {
  const [first, second] = info.fieldNodes
  if (first !== undefined && second === undefined) return knownSize(first, info)
  const [node, ...others] = info.fieldNodes
  if (node === undefined) return { fields: 0, nameBytes: 0, typenames: 0, typenameBytes: 0 }
  return others.reduce(
    (sum, other) => {
      const more = knownSize(other, info)
      return {
        fields: sum.fields + more.fields,
        nameBytes: sum.nameBytes + more.nameBytes,
        typenames: sum.typenames + more.typenames,
        typenameBytes: sum.typenameBytes + more.typenameBytes,
      }
    },
    knownSize(node, info),
  )
}
