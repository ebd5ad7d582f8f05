import { Lexer, Source, TokenKind } from 'graphql'
import { RequestError } from '../errors.ts'

/** Larger documents are refused before the parser, and so its cache, sees them. */
export const maxBytes = 16_384

/** More than any introspection query of a known tool takes. */
export const maxTokens = 1_000

/** To find the line of an error every line before it is read, for each error. */
const maxLines = 1_000

const tooComplex = (limit: string): RequestError =>
  new RequestError('QUERY_TOO_COMPLEX', `A GraphQL document has at most ${limit}.`)

/**
 * What is no text is no document, whatever it is.
 *
 * @throws RequestError QUERY_TOO_COMPLEX for one that is larger than one may be, in UTF-8
 */
export function assertDocumentBytes(document: unknown): void {
  if (typeof document === 'string' && Buffer.byteLength(document) > maxBytes)
    throw tooComplex(`${maxBytes} bytes`)
}

/**
 * Counted without parsing: what is made of so many tokens only to be refused would fill the memory.
 * What is not made of tokens is left to the parser to refuse.
 *
 * @throws RequestError QUERY_TOO_COMPLEX for a document with more tokens or lines than one may have
 */
export function assertDocumentLength(document: string): void {
  if (isTooLong(document)) throw tooComplex(`${maxTokens} tokens on ${maxLines} lines`)
}

function isTooLong(document: string): boolean {
  const lexer = new Lexer(new Source(document))
  try {
    for (let count = 0; count <= maxTokens; count++)
      if (lexer.advance().kind === TokenKind.EOF) return lexer.line > maxLines
    return true
  } catch {
    return lexer.line > maxLines
  }
}
