import { type DocumentNode, Kind, parse, type SelectionSetNode } from 'graphql'
import { isTooLarge, maxTokens } from './graphql-document-limits.ts'
import type { UnvalidatedParams } from './request-params.ts'

/**
 * Whether a document asks for nothing but the schema: root fields `__schema`, `__type` and
 * `__typename`, also through fragments. A document that cannot be parsed does not.
 */
export function onlyIntrospects({ query }: UnvalidatedParams): boolean {
  if (typeof query !== 'string' || isTooLarge(query)) return false
  try {
    return isIntrospection(parse(query, { maxTokens, noLocation: true }))
  } catch {
    return false
  }
}

function isIntrospection({ definitions }: DocumentNode): boolean {
  const fragments = new Map(
    definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition]] : [],
    ),
  )
  const visited = new Set<string>()
  const selectsSchema = ({ selections }: SelectionSetNode): boolean =>
    selections.every((selection) => {
      if (selection.kind === Kind.FIELD) return selection.name.value.startsWith('__')
      if (selection.kind === Kind.INLINE_FRAGMENT) return selectsSchema(selection.selectionSet)
      const name = selection.name.value
      const fragment = fragments.get(name)
      if (fragment === undefined) return false
      if (visited.has(name)) return true
      visited.add(name)
      return selectsSchema(fragment.selectionSet)
    })
  const operations = definitions.filter((it) => it.kind === Kind.OPERATION_DEFINITION)
  return operations.length > 0 && operations.every((it) => selectsSchema(it.selectionSet))
}
