import fc, { type GeneratorValue } from 'fast-check'
import {
  type GraphQLField,
  type GraphQLObjectType,
  getNamedType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
} from 'graphql'
import { schema } from '../../src/schema.ts'

/** Ids to ask for, by the name of the root field that takes them. */
export type KnownIds = Readonly<Record<string, readonly string[]>>

const maxDepth = 10
const pages = ['', '(first: 1)', '(first: 5)', '(first: 30)', '(first: 100)']

/** A valid query of up to a few dozen fields. Every object in its answer tells its type. */
export function generatedQuery(next: GeneratorValue, ids: KnownIds): string {
  const oneOf = <T>(values: readonly T[]): T | undefined =>
    values[next(fc.integer, { min: 0, max: Math.max(0, values.length - 1) })]
  let left = next(fc.integer, { min: 3, max: 60 })
  let aliases = 0

  const argumentsOf = ({ name, args }: GraphQLField<unknown, unknown>): string => {
    const required = args.filter(isRequiredArgument)
    if (required.length > 0)
      return `(${required.map((arg) => `${arg.name}: "${oneOf(ids[name] ?? [])}"`).join(', ')})`
    return args.some((arg) => arg.name === 'first') ? (oneOf(pages) ?? '') : ''
  }

  const selectionOf = (type: GraphQLObjectType, depth: number): string => {
    const all = Object.values(type.getFields()).filter(
      (field) => depth < maxDepth || isLeafType(getNamedType(field.type)),
    )
    // Objects more often than there are fields that lead to some.
    const objects = all.filter((field) => isObjectType(getNamedType(field.type)))
    const names = new Set(['__typename'])
    const texts = ['__typename']
    for (let count = next(fc.integer, { min: 1, max: 4 }); count > 0; count -= 1) {
      const field = oneOf(objects.length > 0 && next(fc.boolean) ? objects : all)
      if (field === undefined || left <= 0) continue
      left -= 1
      const inside = getNamedType(field.type)
      const isRepeated = names.has(field.name)
      if (isRepeated) aliases += 1
      names.add(field.name)
      const alias = isRepeated ? `n${aliases}: ` : ''
      const selection = isObjectType(inside) ? ` { ${selectionOf(inside, depth + 1)} }` : ''
      texts.push(`${alias}${field.name}${argumentsOf(field)}${selection}`)
    }
    return texts.join(' ')
  }
  const query = schema.getQueryType()
  if (!query) throw new Error('no queries')
  return `{ ${selectionOf(query, 1)} }`
}
