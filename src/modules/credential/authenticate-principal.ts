import type { Principal } from '../../auth/caller.ts'
import { secretDigest } from '../../auth/credentials/hash.ts'
import type { SignInClaims, SignInVerifier } from '../../auth/credentials/oidc.ts'
import { findMemberships, humanCaller } from '../../auth/human-record.ts'
import { unlessKnown } from '../../auth/resolve-credential.ts'
import type { Deps } from '../../deps.ts'
import { noSuchWorkspace, unauthenticated } from '../../errors.ts'
import { type Awaitable, whenKnown } from '../../when-known.ts'
import { identify } from '../member/identify.ts'
import { authenticateFromAnyIssuer, type Origin } from './authenticate-credential.ts'

type Visit = Pick<Origin, 'address' | 'requestId' | 'workspace'>

/**
 * The caller that a key or token of any issuer names: rules 1 and 2 of the decision. A replaced token is let
 * in for its rotation, a user-level key and a person also without a workspace.
 *
 * @throws RequestError UNAUTHENTICATED with the reason, WORKSPACE_NOT_FOUND for a workspace that is
 *   not the credential's, RATE_LIMITED where too many were tried, SERVICE_UNAVAILABLE when it cannot
 *   be known
 */
export function authenticatePrincipal(
  deps: Deps,
  secret: string,
  request: Visit,
): Awaitable<Principal> {
  const origin = { ...request, acceptsRotated: true, acceptsUserLevel: true }
  return whenKnown(
    authenticateFromAnyIssuer(deps, secret, origin),
    (accepted): Awaitable<Principal> =>
      'issuer' in accepted ? signedIn(deps, secret, accepted.issuer, request) : accepted,
  )
}

/** The person whom a token of another issuer names. */
async function signedIn(
  deps: Deps,
  secret: string,
  issuer: string,
  request: Visit,
): Promise<Principal> {
  const { signIn, limits } = deps
  const digest = secretDigest(secret)
  if (signIn?.issuer !== issuer)
    return await limits.failedAuth.guardLookup(request, { digest }, () => {
      throw unauthenticated('UNKNOWN', { reason: 'WRONG_ISSUER' })
    })
  const claims = await limits.failedAuth.guardSignature(request, digest, () =>
    signIn.verify(secret),
  )
  return await personOf(deps, signIn, secret, claims, request).catch(unlessKnown)
}

/** The person whom a verified token names, in the workspace that they name, or in the one that they have. */
async function personOf(
  deps: Deps,
  verifier: SignInVerifier,
  jwt: string,
  claims: SignInClaims,
  request: Visit,
): Promise<Principal> {
  const signIn = await identify({ deps, ...request }, verifier, jwt, claims)
  const memberships = await findMemberships(deps.prisma, signIn.userId, request.workspace)
  const [membership, another] = memberships
  if (membership !== undefined && another === undefined) return humanCaller(membership, signIn)
  if (request.workspace !== undefined) throw noSuchWorkspace()
  return { kind: 'HUMAN', workspaceId: null, signIn }
}
