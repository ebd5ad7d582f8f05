/** A file that arrives with a request, as it is asked for: it can be read once, and may break off. */
export class UploadedFile {
  /** As the client tells it. */
  readonly name: string
  /** As the client declares it, for text. */
  readonly charset: string | undefined
  #content: AsyncIterable<Uint8Array> | undefined

  constructor(name: string, charset: string | undefined, content: AsyncIterable<Uint8Array>) {
    this.name = name
    this.charset = charset
    this.#content = content
  }

  /** The content; undefined to all but the first who ask for it. */
  take(): AsyncIterable<Uint8Array> | undefined {
    const content = this.#content
    this.#content = undefined
    return content
  }

  /** What an error shows of a variable. */
  toJSON(): null {
    return null
  }
}
