import type { Readable } from 'node:stream'

/** A file that arrives with a request, as it is asked for: it can be read once, and may break off. */
export class UploadedFile {
  /** As the client tells it. */
  readonly name: string
  readonly #content: Readable

  constructor(name: string, content: Readable) {
    this.name = name
    this.#content = content
  }

  get content(): Readable {
    return this.#content
  }

  /** What an error shows of a variable. */
  toJSON(): null {
    return null
  }
}
