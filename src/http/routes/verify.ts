import { randomUUID } from 'node:crypto'
import { Response } from '@whatwg-node/server'
import type { KeyCaller, TokenCaller } from '../../auth/caller.ts'
import { withoutSecrets } from '../../auth/credentials/without-secrets.ts'
import type { Deps } from '../../deps.ts'
import { RequestError, rateLimited, UserInputError } from '../../errors.ts'
import { acceptCredential } from '../../modules/credential/accept.ts'
import {
  prepareVerification,
  type Verdict,
  type VerdictCode,
  verifierCost,
} from '../../modules/credential/verify.ts'
import { presentedSecret } from '../credential.ts'
import { setDeprecationHeaders } from '../deprecation-headers.ts'
import { challengeOf, httpOf, unexpected } from '../errors.ts'
import { rateLimitHeaders } from '../rate-limit-headers.ts'
import { jsonResponse } from '../respond.ts'

/** Of a verdict nginx passes 401 and 403 on to the client, and takes any other failure for its own. */
const statuses: Readonly<Record<VerdictCode | 'MISSING', number>> = {
  VALID: 204,
  MISSING: 401,
  MALFORMED: 401,
  NOT_FOUND: 401,
  EXPIRED: 401,
  REVOKED: 401,
  ROTATED: 401,
  DISABLED: 401,
  OWNER_REMOVED: 401,
  IP_NOT_ALLOWED: 401,
  INSUFFICIENT_PERMISSIONS: 403,
  SPACE_NOT_ALLOWED: 403,
  RATE_LIMITED: 403,
}

/** A question that is the gateway's own mistake: no client must take it for a verdict on itself. */
class BadQuestion extends Error {}

/** What is asked by the address. A mistyped name would ask for less than was meant. */
function askedBy(url: string) {
  const { searchParams } = new URL(url)
  const names = ['permission', 'space', 'ip']
  for (const name of searchParams.keys())
    if (!names.includes(name))
      throw new BadQuestion(
        `There is no parameter ${JSON.stringify(withoutSecrets(name).slice(0, 60))}; use ${names.join(', ')}.`,
      )
  const [ip, another] = searchParams.getAll('ip')
  if (another !== undefined) throw new BadQuestion('ip is repeated.')
  return {
    permissions: searchParams.getAll('permission'),
    spaceIds: searchParams.getAll('space'),
    ip,
  }
}

/** The client's credential, or the verdict on there being none or two. */
function clientSecret(headers: Headers): string | { readonly code: 'MISSING' | 'MALFORMED' } {
  try {
    return presentedSecret(headers) ?? { code: 'MISSING' }
  } catch (error) {
    if (error instanceof RequestError) return { code: 'MALFORMED' }
    throw error
  }
}

/**
 * @throws BadQuestion when the gateway presents no key or token of its own; RequestError
 *   UNAUTHENTICATED for one that is not good, RATE_LIMITED for one that is blocked, or has too little
 *   left to be told that it may not ask
 */
async function verifierOf(
  deps: Deps,
  headers: Headers,
  origin: { readonly address: string | undefined; readonly requestId: string },
): Promise<KeyCaller | TokenCaller> {
  const secret = headers.get('latchkey-verifier')?.trim()
  if (!secret) throw new BadQuestion("Send the gateway's own key in Latchkey-Verifier.")
  const caller = await acceptCredential(deps, secret, origin)
  const charged = await deps.limits.charge(caller, verifierCost(caller))
  if (!charged.isAllowed) throw rateLimited(charged.retryAfterSeconds)
  return caller
}

const idsOf = ({ key, user, workspaceId }: KeyCaller | TokenCaller) => ({
  'latchkey-key-id': key.id,
  'latchkey-owner-id': user.id,
  'latchkey-workspace-id': workspaceId,
})

function answerTo(
  code: keyof typeof statuses,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const status = statuses[code]
  return new Response(null, {
    status,
    headers: {
      'latchkey-verdict': code,
      ...(status === 401 && { 'www-authenticate': challengeOf(code) }),
      // nginx keeps the connection only where it is told that no body follows.
      ...(status !== 204 && { 'content-length': '0' }),
      ...headers,
    },
  })
}

function verdictResponse({
  code,
  caller,
  permissions,
  rateLimits,
  retryAfterSeconds,
}: Verdict): Response {
  const response = answerTo(code, {
    ...rateLimitHeaders({ states: rateLimits }),
    ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
    ...(code === 'VALID' &&
      caller && { ...idsOf(caller), 'latchkey-permissions': (permissions ?? []).join(' ') }),
  })
  if (response.status !== 401) setDeprecationHeaders(response, caller)
  return response
}

/** Whatever is wrong with the question itself, or with who asks it. */
function failure(deps: Deps, error: unknown, requestId: string): Response {
  if (error instanceof BadQuestion || error instanceof UserInputError)
    return jsonResponse(400, { error: error.message })
  const shown = error instanceof RequestError ? error : unexpected(error)
  if (shown.cause === undefined) {
    const reason = shown.details.reason ?? shown.code
    return jsonResponse(400, { error: `Latchkey-Verifier: ${reason}. ${shown.message}` })
  }
  deps.logger.error({ err: shown.cause, requestId }, shown.message)
  const { status = 500, headers } = httpOf(shown) ?? {}
  return jsonResponse(status, { error: shown.message }, headers)
}

/**
 * Tells a gateway whether the credential of a request is good for what the address asks, by the
 * status and headers alone: 204, or 401 or 403 with the reason in Latchkey-Verdict. The gateway
 * names itself in Latchkey-Verifier by a key that has keys:verify; without it the answer is 400.
 */
export const verifyEndpoint =
  (deps: Deps) =>
  async (request: Request, address: string | undefined): Promise<Response> => {
    const requestId = randomUUID()
    const response = await answer(deps, request, { address, requestId }).catch((error: unknown) =>
      failure(deps, error, requestId),
    )
    response.headers.set('x-request-id', requestId)
    response.headers.set('cache-control', 'no-store')
    return response
  }

async function answer(
  deps: Deps,
  { method, headers, url }: Request,
  origin: { readonly address: string | undefined; readonly requestId: string },
): Promise<Response> {
  if (method !== 'GET' && method !== 'HEAD')
    return jsonResponse(405, { error: 'Use GET.' }, { allow: 'GET, HEAD' })
  const caller = await verifierOf(deps, headers, origin)
  // Before the client's credential is looked at: it must not matter to what is wrong with these.
  const verdictOf = prepareVerification({ deps, caller, ...origin }, askedBy(url))
  const secret = clientSecret(headers)
  return typeof secret === 'string'
    ? verdictResponse(await verdictOf(secret))
    : answerTo(secret.code)
}
