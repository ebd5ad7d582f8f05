import { Lexer, Source, TokenKind } from 'graphql'

/** Larger documents are refused before the parser, and so its cache, sees them. */
export const maxGraphqlDocumentBytes = 16_384

/** More than any introspection query of a known tool takes. */
export const maxTokens = 1_000

/** To find the line of an error every line before it is read, for each error. */
export const maxLines = 1_000

/** Whether a document is larger than one may be, in UTF-8. What is no text is none, whatever it is. */
export const isTooLarge = (document: unknown): boolean =>
  typeof document === 'string' && Buffer.byteLength(document) > maxGraphqlDocumentBytes

/**
 * Whether a document has more tokens or lines than one may have. Counted without parsing: what is made of so
 * many tokens only to be refused would fill the memory. What is not made of tokens is left to the
 * parser to refuse.
 */
export function isTooLong(document: string): boolean {
  const lexer = new Lexer(new Source(document))
  try {
    for (let count = 0; count <= maxTokens; count++)
      if (lexer.advance().kind === TokenKind.EOF) return lexer.line > maxLines
    return true
  } catch {
    return lexer.line > maxLines
  }
}
