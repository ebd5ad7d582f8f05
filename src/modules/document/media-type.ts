import { TextEncodingProbe } from '../../input/text-encoding.ts'

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

/** The media type of text: UTF-8 where it names no other charset. */
const textIn = (encoding: string): string =>
  encoding === 'utf-8' ? textType : `${textType}; charset=${encoding}`

/** The charset of a text by its media type. */
export const charsetOf = (mediaType: string): string => mediaType.split('charset=')[1] ?? 'utf-8'

/** Tells the type of a content by the content itself, as it passes by. */
export class MediaTypeProbe {
  #head = Buffer.alloc(0)
  readonly #text: TextEncodingProbe

  /** @param charset what the sender declares, for text */
  constructor(charset: string | undefined) {
    this.#text = new TextEncodingProbe(charset)
  }

  /** Looks at the next bytes. */
  add(chunk: Uint8Array): void {
    if (this.#head.length < longestSignature)
      this.#head = Buffer.concat([this.#head, chunk.subarray(0, longestSignature)])
    this.#text.add(chunk)
  }

  /** Of all that was added; undefined: none of the types that a document may be. */
  end(): string | undefined {
    const known = Object.entries(signatures).find(([, signature]) =>
      signature.every((byte, index) => byte === null || byte === this.#head[index]),
    )
    if (known !== undefined) return known[0]
    const encoding = this.#text.end()
    return encoding && textIn(encoding)
  }
}
