import type { HumanCaller, Visitor } from '../auth/caller.ts'
import type { SignInClaims, SignInVerifier } from '../auth/credentials/oidc.ts'
import { findMemberships, humanCaller } from '../auth/human-record.ts'
import type { Deps } from '../deps.ts'
import { RequestError, serviceUnavailable } from '../errors.ts'
import { identify } from '../modules/member/identify.ts'

/**
 * The person whom an identity provider's verified token names, in the workspace that the request names, or in
 * the one that they have.
 *
 * @throws RequestError UNAUTHENTICATED, WORKSPACE_NOT_FOUND for one that they are not in,
 *   SERVICE_UNAVAILABLE when it cannot be known
 */
export async function authenticateHuman(
  deps: Deps,
  verifier: SignInVerifier,
  { jwt, claims }: { readonly jwt: string; readonly claims: SignInClaims },
  origin: {
    readonly address: string | undefined
    readonly requestId: string
    readonly workspace?: string | undefined
  },
): Promise<HumanCaller | Visitor> {
  try {
    const signIn = await identify({ deps, ...origin }, verifier, jwt, claims)
    const memberships = await findMemberships(deps.prisma, signIn.userId, origin.workspace)
    const [membership, another] = memberships
    if (membership !== undefined && another === undefined) return humanCaller(membership, signIn)
    if (origin.workspace !== undefined)
      throw new RequestError('WORKSPACE_NOT_FOUND', 'There is no such workspace.')
    return { kind: 'HUMAN', workspaceId: null, signIn }
  } catch (error) {
    throw error instanceof RequestError ? error : serviceUnavailable(error)
  }
}
