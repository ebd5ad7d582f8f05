/** What no text holds: control characters other than those of lines, pages and tabulators. */
const notText = /(?![\t\n\f\r])\p{Cc}/u

/**
 * What a text in a Western European language does not hold, but for rare ones, but texts of other code pages and broken
 * UTF-8 do where they are read as Windows-1252: the letters that others have instead, signs within
 * words, three letters beyond ASCII in a row.
 */
const notWestern =
  /[ŠšŽžŸÿÐðÞþÝý¹³¤¦¨¬¯¸]|[À-üŒœ]{3}|[a-z][À-ÖØ-Ü]|[ÂÃ‚ƒ][^\0-\x7f]|â€|[A-Za-z][¡¢£¿‚„“”†‡ˆ‰][A-Za-z]/
/** Characters of the longest match, less one: a match may come in two pieces. */
const overlap = 2

/** Without it any bytes, two by two, are as good as text in UTF-16. */
const byteOrderMark = '\ufeff'

/** A text in one encoding, as its bytes pass by. */
class EncodedText {
  readonly #decoder: TextDecoder
  readonly #foreign: RegExp | undefined
  #start: string
  #end = ''

  /**
   * @param start what it begins with
   * @param foreign text by which it is known to be in another encoding
   * @throws RangeError for a label that the Encoding Standard does not have
   */
  constructor(label: string, start = '', foreign?: RegExp) {
    this.#decoder = new TextDecoder(label, { fatal: true, ignoreBOM: true })
    this.#start = start
    this.#foreign = foreign
  }

  get encoding(): string {
    return this.#decoder.encoding
  }

  /** Whether it goes on with these bytes; without any, whether its last character is whole. */
  accepts(chunk?: Uint8Array): boolean {
    try {
      const text = chunk ? this.#decoder.decode(chunk, { stream: true }) : this.#decoder.decode()
      if (text === '') return true
      if (!text.startsWith(this.#start)) return false
      this.#start = ''
      const read = this.#end + text
      this.#end = read.slice(-overlap)
      return !notText.test(read) && !this.#foreign?.test(read)
    } catch {
      return false
    }
  }
}

/** Text as its sender declares it, by a label that the Encoding Standard has. */
function inDeclared(label: string | undefined): EncodedText | undefined {
  try {
    return label === undefined ? undefined : new EncodedText(label)
  } catch {
    return undefined
  }
}

/**
 * Finds the encoding of a text by its bytes, as they pass by: UTF-8, UTF-16 with a byte order mark,
 * the one that its sender declares or, where none is declared, Windows-1252 if it is unmistakable. What
 * is UTF-8 from the first byte to the last is no other: many clients declare the same for every file.
 */
export class TextEncodingProbe {
  #possible: EncodedText[]

  /** @param declared a label of the Encoding Standard; one that it does not have counts as none */
  constructor(declared?: string) {
    this.#possible = [
      new EncodedText('utf-8'),
      new EncodedText('utf-16le', byteOrderMark),
      new EncodedText('utf-16be', byteOrderMark),
      inDeclared(declared) ?? new EncodedText('windows-1252', '', notWestern),
    ]
  }

  /** Looks at the next bytes. */
  add(chunk: Uint8Array): void {
    this.#possible = this.#possible.filter((text) => text.accepts(chunk))
  }

  /** The encoding of all that was added, as the Encoding Standard names it; undefined: no text. */
  end(): string | undefined {
    return this.#possible.find((text) => text.accepts())?.encoding
  }
}
