import {
  type DocumentNode,
  getOperationAST,
  Kind,
  OperationTypeNode,
  parse,
  type SelectionSetNode,
} from 'graphql'
import { maxTokens } from './document-limits.ts'

/** What is asked for, before anything of it has been checked. */
interface Asked {
  readonly query?: unknown
  readonly operationName?: unknown
}

/** Undefined for what is no document. Places in it are not needed, and would take a while. */
function documentOf({ query }: Asked): DocumentNode | undefined {
  try {
    return typeof query === 'string' ? parse(query, { maxTokens, noLocation: true }) : undefined
  } catch {
    return undefined
  }
}

/**
 * Whether a document asks for nothing but the schema: root fields `__schema`, `__type` and
 * `__typename`, also through fragments. What is no document does not.
 */
export function onlyIntrospects(asked: Asked): boolean {
  const { definitions = [] } = documentOf(asked) ?? {}
  const fragments = new Map(
    definitions
      .filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
      .map(({ name, selectionSet }) => [name.value, selectionSet]),
  )
  const visited = new Set<string>()
  const selectsSchema = ({ selections }: SelectionSetNode): boolean =>
    selections.every((selection) => {
      if (selection.kind === Kind.FIELD) return selection.name.value.startsWith('__')
      if (selection.kind === Kind.INLINE_FRAGMENT) return selectsSchema(selection.selectionSet)
      const name = selection.name.value
      if (visited.has(name)) return true
      visited.add(name)
      const fragment = fragments.get(name)
      return fragment !== undefined && selectsSchema(fragment)
    })
  const operations = definitions.filter((it) => it.kind === Kind.OPERATION_DEFINITION)
  return operations.length > 0 && operations.every((it) => selectsSchema(it.selectionSet))
}

/**
 * Whether the operation asked for is a mutation with `rotateAccessToken` as its one root field, for
 * certain: a directive could skip it. What is no document, or names no operation of it, is not.
 */
export function onlyRotates(asked: Asked): boolean {
  const document = documentOf(asked)
  const name = typeof asked.operationName === 'string' ? asked.operationName : ''
  const operation = document && getOperationAST(document, name || undefined)
  const [field, another] = operation?.selectionSet.selections ?? []
  return (
    operation?.operation === OperationTypeNode.MUTATION &&
    field?.kind === Kind.FIELD &&
    field.name.value === 'rotateAccessToken' &&
    !field.directives?.length &&
    another === undefined
  )
}
