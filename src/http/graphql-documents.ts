import { type DocumentNode, GraphQLError, type GraphQLSchema, parse, validate } from 'graphql'
import { RequestError } from '../errors.ts'
import { Recent } from '../recent.ts'
import { placeOf } from './errors.ts'
import { hasTooManyTokens, maxTokens } from './graphql-document-limits.ts'

/** A document of 1,000 tokens takes half a megabyte once it is parsed. */
const maxRemembered = 100

/** Documents as the schema takes them. Those that came last are neither parsed nor validated again. */
export interface GraphqlDocuments {
  /** @throws GraphQLError GRAPHQL_PARSE_FAILED; RequestError QUERY_TOO_COMPLEX for too many tokens */
  parse(text: string): DocumentNode
  /** Why a document cannot be run: GRAPHQL_VALIDATION_FAILED; none: it is valid. */
  problemsOf(document: DocumentNode): readonly GraphQLError[]
}

const withCode = (error: GraphQLError, code: string): GraphQLError =>
  new GraphQLError(error.message, { ...placeOf(error), extensions: { code } })

/** Parses once it is known that the document has not too many tokens. */
function parseLimited(text: string): DocumentNode {
  if (hasTooManyTokens(text))
    throw new RequestError(
      'QUERY_TOO_COMPLEX',
      `A GraphQL document has at most ${maxTokens} tokens.`,
    )
  return parse(text)
}

/** Documents of that schema. What is no document is not remembered: it costs little, and may be anything. */
export function createGraphqlDocuments(schema: GraphQLSchema): GraphqlDocuments {
  const parsed = new Recent<DocumentNode>(maxRemembered)
  const problems = new WeakMap<DocumentNode, readonly GraphQLError[]>()
  return {
    parse(text) {
      const known = parsed.get(text)
      if (known !== undefined) return known
      try {
        const document = parseLimited(text)
        parsed.set(text, document)
        return document
      } catch (error) {
        throw error instanceof GraphQLError ? withCode(error, 'GRAPHQL_PARSE_FAILED') : error
      }
    },
    problemsOf(document) {
      const known = problems.get(document)
      if (known !== undefined) return known
      const found = validate(schema, document).map((error) =>
        withCode(error, 'GRAPHQL_VALIDATION_FAILED'),
      )
      problems.set(document, found)
      return found
    },
  }
}
