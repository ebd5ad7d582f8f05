import { setTimeout as sleep } from 'node:timers/promises'

/** Why the API refused a request or a field of it. */
export class LatchkeyError extends Error {
  /** UNAUTHENTICATED, FORBIDDEN …: Latchkey's docs/api.md lists them. */
  readonly code: string

  constructor(message: string, { code, requestId }: { code: string; requestId: string }) {
    super(`${code}: ${message} (request ${requestId})`)
    this.code = code
  }
}

interface Body {
  readonly data: unknown
  readonly errors?: readonly { message: string; extensions: { code: string; requestId: string } }[]
}

interface Answer {
  readonly status: number
  readonly retryAfterSeconds: number
  readonly text: string
}

/** One request. An answer that was lost on the way counts as 503. */
async function send(url: string, secret: string, body: string): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
      body,
      signal: AbortSignal.timeout(30_000),
    })
    const retryAfterSeconds = Number(response.headers.get('retry-after')) || 0
    return { status: response.status, retryAfterSeconds, text: await response.text() }
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error
    return { status: 503, retryAfterSeconds: 0, text: String(cause) }
  }
}

/** RATE_LIMITED, SERVICE_UNAVAILABLE, and what a proxy answers in its place. */
const temporary: readonly number[] = [429, 502, 503, 504]
const maxAttempts = 8

/**
 * Sends an operation and returns its data. Over a limit, and while the server is away, it waits for
 * as long as `Retry-After` says and a random time on top, which doubles, and sends it again: so give it
 * only operations that may run twice. Queries may, and so may a rotation (see rotate.ts).
 *
 * @throws LatchkeyError when the API refuses it; Error after the last attempt
 */
export async function ask<Data>(
  url: string,
  secret: string,
  query: string,
  variables: Readonly<Record<string, unknown>> = {},
): Promise<Data> {
  const body = JSON.stringify({ query, variables })
  for (let attempt = 1; ; attempt += 1) {
    const { status, retryAfterSeconds, text } = await send(url, secret, body)
    if (!temporary.includes(status)) {
      const { data, errors: [error] = [] } = JSON.parse(text) as Body
      if (error !== undefined) throw new LatchkeyError(error.message, error.extensions)
      return data as Data
    }
    if (attempt === maxAttempts)
      throw new Error(`HTTP ${status} after ${attempt} attempts: ${text}`)
    const backOffMs = Math.random() * Math.min(30_000, 250 * 2 ** attempt)
    await sleep(retryAfterSeconds * 1_000 + backOffMs)
  }
}
