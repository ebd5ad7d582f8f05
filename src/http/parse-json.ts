/**
 * Parses JSON as clients send it: some put a byte order mark before it (RFC 8259, 8.1).
 *
 * @throws SyntaxError
 */
export const parseJson = (text: string): unknown => JSON.parse(text.replace(/^\uFEFF/, ''))
