import type { Principal } from '../auth/caller.ts'
import { secretDigest } from '../auth/credentials/hash.ts'
import type { Deps } from '../deps.ts'
import { unauthenticated } from '../errors.ts'
import { acceptUnlessForeign, type Origin } from '../modules/credential/accept.ts'
import { authenticateHuman } from './authenticate-human.ts'
import { namingHeader, presentedSecret } from './credential.ts'

/**
 * Whom a request's credential names: rules 1 and 2 of the decision, before anything of its body is
 * read. Undefined when it presents none.
 *
 * @throws RequestError UNAUTHENTICATED with the reason, BAD_REQUEST, WORKSPACE_NOT_FOUND for a
 *   workspace that is not the credential's, RATE_LIMITED where too many were tried,
 *   SERVICE_UNAVAILABLE when it cannot be known
 */
export async function authenticate(
  deps: Deps,
  headers: Headers,
  request: Pick<Origin, 'address' | 'requestId'>,
): Promise<Principal | undefined> {
  const presented = presentedSecret(headers)
  if (presented === undefined) return undefined
  const workspace = headers.get('x-workspace-id') || undefined
  const origin = { ...request, workspace, acceptsRotated: true, acceptsUserLevel: true }
  return await principalOf(deps, presented.secret, origin).catch(namingHeader(presented.header))
}

async function principalOf(deps: Deps, secret: string, origin: Origin): Promise<Principal> {
  const accepted = await acceptUnlessForeign(deps, secret, origin)
  if (!('issuer' in accepted)) return accepted
  const { signIn, limits } = deps
  const digest = secretDigest(secret)
  if (signIn?.issuer !== accepted.issuer)
    return await limits.attempts.limited(origin, { digest }, () => {
      throw unauthenticated('UNKNOWN', { reason: 'WRONG_ISSUER' })
    })
  const claims = await limits.attempts.signed(origin, digest, () => signIn.verify(secret))
  return await authenticateHuman(deps, signIn, { jwt: secret, claims }, origin)
}
