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
import { challengeOf, httpOf, shownError } from '../errors.ts'
import type { ResponseHeaders } from '../headers.ts'
import { deprecationHeaders, rateLimitHeaders } from '../headers.ts'
import { verifyPath } from '../paths.ts'
import type { RequestState } from '../server-context.ts'
import { type Call, jsonReply, type Reply, type Route } from './route.ts'

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

/**
 * What is asked by the address. A mistyped name would ask for less than was meant. Below /verify/ the
 * query is the client's, as far as anybody can tell: a permission in it asks for more, but a space or
 * an address could ask for less.
 */
function askedBy({ request: { url }, path }: Call) {
  const { searchParams } = new URL(url)
  const names = ['permission', 'space', 'ip']
  for (const name of searchParams.keys())
    if (path !== verifyPath && ['space', 'ip'].includes(name))
      throw new BadQuestion(`Ask for ${name} at ${verifyPath}; below it a client may have sent it.`)
    else if (path === verifyPath && !names.includes(name))
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
    return presentedSecret(headers)?.secret ?? { code: 'MISSING' }
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
  { request, address, requestId, state }: Call,
): Promise<KeyCaller | TokenCaller> {
  const secret = request.headers.get('latchkey-verifier')?.trim()
  if (!secret) throw new BadQuestion("Send the gateway's own key in Latchkey-Verifier.")
  const caller = await acceptCredential(deps, secret, { address, requestId })
  state.caller = caller
  state.charged = await deps.limits.charge(caller, verifierCost(caller))
  if (!state.charged.isAllowed) throw rateLimited(state.charged.retryAfterSeconds)
  return caller
}

const idsOf = ({ key, user, workspaceId }: KeyCaller | TokenCaller) => ({
  'latchkey-key-id': key.id,
  'latchkey-owner-id': user.id,
  'latchkey-workspace-id': workspaceId,
})

function replyTo(code: keyof typeof statuses, headers?: ResponseHeaders): Reply {
  const status = statuses[code]
  return {
    status,
    headers: {
      'latchkey-verdict': code,
      ...(status === 401 && { 'www-authenticate': challengeOf(code) }),
      // nginx keeps the connection only where it is told that no body follows.
      ...(status !== 204 && { 'content-length': '0' }),
      ...headers,
    },
  }
}

const verdictReply = ({
  code,
  caller,
  permissions,
  rateLimits,
  retryAfterSeconds,
}: Verdict): Reply =>
  replyTo(code, {
    ...rateLimitHeaders({ states: rateLimits }),
    ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
    ...(code === 'VALID' &&
      caller && { ...idsOf(caller), 'latchkey-permissions': (permissions ?? []).join(' ') }),
    ...(statuses[code] !== 401 && deprecationHeaders(caller)),
  })

/** Whatever is wrong with the question itself, or with who asks it. */
function failure(deps: Deps, error: unknown, state: RequestState): Reply {
  if (error instanceof BadQuestion || error instanceof UserInputError)
    return jsonReply(400, { error: error.message })
  const shown = shownError(error, deps.logger, state)
  const { cause, details, code, message } = shown
  if (cause === undefined)
    return jsonReply(400, { error: `Latchkey-Verifier: ${details.reason ?? code}. ${message}` })
  const { status = 500, headers } = httpOf(shown) ?? {}
  return jsonReply(status, { error: message }, headers)
}

/**
 * Tells a gateway whether the credential of a request is good for what the address asks, by the
 * status and headers alone: 204, or 401 or 403 with the reason in Latchkey-Verdict. The gateway
 * names itself in Latchkey-Verifier by a key that has keys:verify; without it the answer is 400. Method
 * and body do not matter, nor the path below /verify/, where a yes is 200: Envoy appends the client's
 * path and knows no other yes.
 */
export const verdicts =
  (deps: Deps): Route =>
  (call) =>
    answer(deps, call).catch((error: unknown) => failure(deps, error, call.state))

async function answer(deps: Deps, call: Call): Promise<Reply> {
  const { request, address, requestId } = call
  const caller = await verifierOf(deps, call)
  // Before the client's credential is looked at: it must not matter to what is wrong with these.
  const verdictOf = prepareVerification({ deps, caller, address, requestId }, askedBy(call))
  const secret = clientSecret(request.headers)
  const verdict = typeof secret === 'string' ? await verdictOf(secret) : secret
  call.state.verdict = verdict
  const reply = 'caller' in verdict ? verdictReply(verdict) : replyTo(verdict.code)
  if (reply.status !== 204 || call.path === verifyPath) return reply
  return { status: 200, headers: { ...reply.headers, 'content-length': '0' } }
}
