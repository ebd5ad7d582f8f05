/** How the contents of the types that are not text begin; null: any byte. */
const signatures: Readonly<Record<string, readonly (number | null)[]>> = {
  'application/pdf': [...Buffer.from('%PDF-')],
  'image/gif': [...Buffer.from('GIF8'), null, 0x61],
  'image/jpeg': [0xff, 0xd8, 0xff],
  'image/png': [0x89, ...Buffer.from('PNG\r\n'), 0x1a, 0x0a],
  'image/webp': [...Buffer.from('RIFF'), null, null, null, null, ...Buffer.from('WEBP')],
}

const longestSignature = Math.max(...Object.values(signatures).map(({ length }) => length))

export const textType = 'text/plain'

/** What a document may be. */
export const mediaTypes: readonly string[] = [...Object.keys(signatures), textType].sort()

/** What no text holds: control characters other than those of lines, pages and tabulators. */
const notText = /(?![\t\n\f\r])\p{Cc}/u

/** Tells the type of a content by the content itself, as it passes by. */
export class MediaTypeProbe {
  #head = Buffer.alloc(0)
  #decoder: TextDecoder | undefined = new TextDecoder('utf-8', { fatal: true })

  /** Looks at the next bytes. */
  add(chunk: Uint8Array): void {
    if (this.#head.length < longestSignature)
      this.#head = Buffer.concat([this.#head, chunk.subarray(0, longestSignature)])
    if (!this.#isText(chunk)) this.#decoder = undefined
  }

  /** Of all that was added; undefined: none of the types that a document may be. */
  end(): string | undefined {
    const known = Object.entries(signatures).find(([, signature]) =>
      signature.every((byte, index) => byte === null || byte === this.#head[index]),
    )
    return known?.[0] ?? (this.#isText() ? textType : undefined)
  }

  /** UTF-8 from the first byte to the last; without more bytes, whether the last character is whole. */
  #isText(chunk?: Uint8Array): boolean {
    if (this.#decoder === undefined) return false
    try {
      const text = chunk ? this.#decoder.decode(chunk, { stream: true }) : this.#decoder.decode()
      return !notText.test(text)
    } catch {
      return false
    }
  }
}
