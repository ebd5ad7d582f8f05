import type { SignInClaims, SignInVerifier } from '../../auth/credentials/oidc.ts'
import { findIdentifiedUser } from '../../auth/human-record.ts'
import type { Deps } from '../../deps.ts'

/** The user whom a sign-in names; undefined when it names nobody. */
export const identifyUser = (
  deps: Deps,
  _verifier: SignInVerifier,
  _jwt: string,
  { issuer, subject }: SignInClaims,
  _origin: { readonly address: string | undefined; readonly requestId: string },
): Promise<string | undefined> => findIdentifiedUser(deps.prisma, issuer, subject)
