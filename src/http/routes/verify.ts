import type { KeyCaller, TokenCaller } from '../../auth/caller.ts'
import { namingHeader, presentedSecret } from '../../auth/credentials/presented-secret.ts'
import { withoutSecrets } from '../../auth/credentials/without-secrets.ts'
import type { Deps } from '../../deps.ts'
import { UserInputError, userError } from '../../errors.ts'
import { authenticateCredential } from '../../modules/credential/authenticate-credential.ts'
import {
  prepareVerification,
  type Verdict,
  type VerdictCode,
  type Verification,
  verifierCost,
} from '../../modules/credential/verify.ts'
import { challengeOf, httpOf, shownError } from '../errors.ts'
import { deprecationHeaders, rateLimitHeaders } from '../headers.ts'
import { verifyPath } from '../paths.ts'
import type { RequestState } from '../server-context.ts'
import { type Call, charge, jsonReply, type Reply, type Route } from './route.ts'

/** Of a verdict nginx passes 401 and 403 on to the client, and takes any other failure for its own. */
const statuses: Partial<Record<VerdictCode, number>> = {
  VALID: 204,
  INSUFFICIENT_PERMISSIONS: 403,
  SPACE_NOT_ALLOWED: 403,
  RATE_LIMITED: 403,
}

type ClientVerdict = Partial<Omit<Verdict, 'code'>> & { readonly code: VerdictCode | 'MISSING' }

/** The gateway's own mistake: no client must take it for a verdict on itself. */
const badQuestion = (message: string): UserInputError => userError('INVALID', null, message)

/**
 * What is asked by the address. A mistyped name would ask for less than was meant. Below /verify/ the
 * query is the client's, as far as anybody can tell: a permission in it asks for more, but a space or
 * an address could ask for less.
 */
function askedBy({ request: { url }, state: { path, address, isForwarded } }: Call) {
  // What stands behind it is no part of the query: a client's would hide what a gateway asks after it.
  if (url.includes('#')) throw badQuestion('The address must not have a fragment (#).')
  const { searchParams } = new URL(url)
  const names = ['permission', 'space', 'ip']
  for (const name of searchParams.keys())
    if (path !== verifyPath && ['space', 'ip'].includes(name))
      throw badQuestion(`Ask for ${name} at ${verifyPath}; below it a client may have sent it.`)
    else if (path === verifyPath && !names.includes(name))
      throw badQuestion(
        `There is no parameter ${JSON.stringify(withoutSecrets(name).slice(0, 60))}; use ${names.join(', ')}.`,
      )
  const asked = (name: string): string[] => searchParams.getAll(name)
  const [ip = isForwarded ? address : undefined, another] = asked('ip')
  if (another !== undefined) throw badQuestion('ip is repeated.')
  return { permissions: asked('permission'), spaceIds: asked('space'), ip }
}

/** The verdict on the client's credential, or on there being none or two. */
const verdictOn = (headers: Headers, verdictOf: Verification): Promise<ClientVerdict> =>
  Promise.try(presentedSecret, headers).then(
    async (presented) => (presented ? await verdictOf(presented.secret) : { code: 'MISSING' }),
    () => ({ code: 'MALFORMED' }),
  )

/**
 * @throws UserInputError when the gateway presents no key or token of its own; RequestError
 *   UNAUTHENTICATED for one that is not good, RATE_LIMITED for one that is blocked, or has too little
 *   left to be told that it may not ask
 */
async function verifierOf(deps: Deps, call: Call): Promise<KeyCaller | TokenCaller> {
  const { address, requestId } = call.state
  const secret = call.request.headers.get('latchkey-verifier')?.trim()
  if (!secret) throw badQuestion("Send the gateway's own key in Latchkey-Verifier.")
  const caller = await authenticateCredential(deps, secret, { address, requestId }).catch(
    namingHeader('Latchkey-Verifier'),
  )
  await charge(deps, call, caller, verifierCost(caller))
  return caller
}

/** Below /verify/ a yes is 200: Envoy, which appends the client's path, knows no other. */
function verdictReply(
  { code, caller, permissions, rateLimits = [], retryAfterSeconds }: ClientVerdict,
  path: string,
): Reply {
  const { [code as VerdictCode]: answered = 401 } = statuses
  const status = answered === 204 && path !== verifyPath ? 200 : answered
  return {
    status,
    headers: {
      'latchkey-verdict': code,
      ...(status === 401 && { 'www-authenticate': challengeOf(code) }),
      // nginx keeps the connection only where a header says that no body follows.
      ...(status !== 204 && { 'content-length': '0' }),
      ...rateLimitHeaders({ states: rateLimits }),
      ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
      ...(code === 'VALID' &&
        caller && {
          'latchkey-key-id': caller.key.id,
          'latchkey-owner-id': caller.user.id,
          'latchkey-workspace-id': caller.workspaceId,
          'latchkey-permissions': (permissions ?? []).join(' '),
        }),
      ...(status !== 401 && deprecationHeaders(caller)),
    },
  }
}

/** Whatever is wrong with the question itself, or with who asks it. */
function failure(deps: Deps, error: unknown, state: RequestState): Reply {
  if (error instanceof UserInputError) return jsonReply(400, { error: error.message })
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
 * names itself in Latchkey-Verifier by a key that has keys:verify; without it the answer is 400. The
 * client's address is that of ?ip=, or else what a trusted proxy forwards in X-Forwarded-For. Method
 * and body do not matter, nor the path below /verify/.
 */
export const verdicts =
  (deps: Deps): Route =>
  async (call) => {
    const { request, state } = call
    const { path, address, requestId } = state
    try {
      const caller = await verifierOf(deps, call)
      // Before the client's credential is looked at: it must not matter to what is wrong with these.
      const verdictOf = prepareVerification({ deps, caller, address, requestId }, askedBy(call))
      const verdict = await verdictOn(request.headers, verdictOf)
      state.verdict = verdict
      return verdictReply(verdict, path)
    } catch (error) {
      return failure(deps, error, state)
    }
  }
