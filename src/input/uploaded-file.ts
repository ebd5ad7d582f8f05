import { MIMEType } from 'node:util'

/** What the headers of a form's part tell of its file, as they were sent. */
interface PartHeaders {
  readonly filename: string | undefined
  readonly contentType: string | undefined
  readonly disposition?: string | undefined
}

/**
 * The name that a Content-Disposition has in the extended form, which counts before the plain one (RFC
 * 6266, 4.3): .NET and Spring send both, the plain one as mail has it.
 */
function extendedName(disposition = ''): string | undefined {
  // Between quotation marks, of which escaped ones are none, everything is a value.
  const parts = disposition.replaceAll(/\\./g, '').split('"')
  const unquoted = parts.filter((_, index) => index % 2 === 0).join('')
  const [, encoded] = /;\s*filename\*=utf-8'[^';]*'([^;\s]+)/i.exec(unquoted) ?? []
  try {
    return encoded && decodeURIComponent(encoded)
  } catch {
    return undefined
  }
}

/** Reading a longer one would take more time than its length asks for. */
const maxContentType = 256

/** The charset that a Content-Type names, if it is one. */
function charsetOf(contentType = ''): string | undefined {
  if (contentType.length > maxContentType) return undefined
  try {
    return new MIMEType(contentType).params.get('charset') ?? undefined
  } catch {
    return undefined
  }
}

/** A file that arrives with a request, as it is asked for: it can be read once, and may break off. */
export class UploadedFile {
  /** As the client tells it. */
  readonly name: string
  /** As the client declares it, for text. */
  readonly charset: string | undefined
  #content: AsyncIterable<Uint8Array> | undefined

  constructor(
    { filename = '', contentType, disposition }: PartHeaders,
    content: AsyncIterable<Uint8Array>,
  ) {
    // As browsers encode a quotation mark (HTML, 4.10.21.8, multipart form data).
    this.name = extendedName(disposition) ?? filename.replaceAll('%22', '"')
    this.charset = charsetOf(contentType)
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
