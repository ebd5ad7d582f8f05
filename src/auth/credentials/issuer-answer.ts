/** Far more than keys, metadata or a person's claims take. */
const maxBytes = 1024 * 1024
/** In milliseconds. */
const patience = 5_000

/** For all that is asked of an issuer on one behalf: after 5 s an answer is awaited no longer. */
export const issuerDeadline = (): AbortSignal => AbortSignal.timeout(patience)

/** What an identity provider answered. */
export interface IssuerAnswer {
  readonly status: number
  /** The JSON object of the body; undefined when it is none. */
  readonly body: Readonly<Record<string, unknown>> | undefined
}

async function limitedText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.byteLength
    if (size > maxBytes) throw new Error(`the issuer's answer is longer than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function objectIn(text: string): IssuerAnswer['body'] {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Asks an identity provider. A redirect is not followed: it could lead anywhere, with the token.
 *
 * @throws when no whole answer of at most 1 MiB comes before the deadline
 */
export async function askIssuer(
  url: URL,
  deadline: AbortSignal,
  bearer?: string,
): Promise<IssuerAnswer> {
  const response = await fetch(url, {
    headers: {
      accept: 'application/json',
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    },
    redirect: 'error',
    signal: deadline,
  })
  return { status: response.status, body: objectIn(await limitedText(response)) }
}
