/** Larger documents are refused before the parser, and so its cache, sees them. */
export const maxDocumentBytes = 16_384

/** More than any introspection query of a known tool takes. */
export const maxTokens = 1_000

/** Whether a document is larger than one may be, in UTF-8. What is no text is none, whatever it is. */
export const isTooLarge = (document: unknown): boolean =>
  typeof document === 'string' && Buffer.byteLength(document) > maxDocumentBytes
