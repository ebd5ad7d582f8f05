import { type DocumentNode, type GraphQLError, getOperationAST } from 'graphql'
import type { YogaInitialContext } from 'graphql-yoga'
import { LRUCache } from 'lru-cache'
import { assertDocumentLength } from '../../schema/document-limits.ts'
import type { HttpPlugin } from '../plugin.ts'
import type { ServerContext } from '../server-context.ts'

/** A document of 1,000 tokens takes half a megabyte once it is parsed. */
const maxDocuments = 100

/**
 * Counts the tokens and lines of a document before it is parsed, and finds the operation in it. Keeps
 * parsed documents, and the result of their validation with them; texts that are no documents are not
 * kept, they may be anything.
 */
export function useDocumentCache(): HttpPlugin {
  const documents = new LRUCache<string, DocumentNode>({ max: maxDocuments })
  const validations = new WeakMap<DocumentNode, readonly GraphQLError[]>()
  return {
    onParse({ params: { source }, setParsedDocument }) {
      const text = String(source)
      const known = documents.get(text)
      if (known !== undefined) return setParsedDocument(known)
      assertDocumentLength(text)
      return ({ result }) => {
        if (result !== null && !(result instanceof Error)) documents.set(text, result)
      }
    },
    onValidate({ params: { documentAST }, context, setResult }) {
      const { state, params } = context as unknown as ServerContext & YogaInitialContext
      state.operation = getOperationAST(documentAST, params.operationName) ?? undefined
      const known = validations.get(documentAST)
      if (known !== undefined) return setResult([...known])
      return ({ result }) => void validations.set(documentAST, result as readonly GraphQLError[])
    },
  }
}
