import {
  errors,
  type JWTPayload,
  type JWTVerifyOptions,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose'
import { RequestError, unauthenticated } from '../../errors.ts'
import {
  createIdentityProvider,
  type IdentityProvider,
  signatureAlgorithms,
} from './identity-provider.ts'
import { isJwt } from './jwt.ts'
import { jwtRefusal } from './jwt-refusal.ts'
import {
  createSignInProfiles,
  type ProfileClaims,
  profileIn,
  type SignInProfile,
} from './sign-in-profiles.ts'

/** So many keys are tried for a token that does not tell which one signed it. */
const maxKeysTried = 10
/** How far the clock of an identity provider may be from this one (RFC 7519, 4.1.4). */
const leewaySeconds = 30
/** OpenID Connect Core 1.0, 2: ASCII; and something to be seen. */
const subjectShape = /^[ -~]{1,255}$/

/** What a verified sign-in token says; the subject is never given to another person. */
export interface SignInClaims extends ProfileClaims {
  readonly issuer: string
}

/** Knows the people of one identity provider by its JWT access tokens. */
export interface SignInVerifier {
  readonly issuer: string
  /**
   * @throws RequestError UNAUTHENTICATED: MALFORMED for what is no JWT, EXPIRED, UNKNOWN for all
   *   else; SERVICE_UNAVAILABLE when the issuer's keys cannot be known
   */
  verify(token: string): Promise<SignInClaims>
  /**
   * The name and verified e-mail of a verified token's person: from the token or, where it has no
   * such e-mail, from the issuer's userinfo endpoint, asked once for a token.
   *
   * @throws RequestError SERVICE_UNAVAILABLE when userinfo is needed and does not answer
   */
  profile(token: string, claims: SignInClaims): Promise<SignInProfile>
  /** The same for who is known already: what the token says, where userinfo does not answer soon. */
  profileSoon(token: string, claims: SignInClaims): Promise<SignInProfile>
}

/** RFC 9068, 2.1, and what issuers wrote before it. */
const isAccessTokenType = (typ: unknown): boolean =>
  typ === undefined || (typeof typ === 'string' && /^(?:jwt|(?:application\/)?at\+jwt)$/i.test(typ))

/** Claims of ID tokens (OpenID Connect Core 1.0, 2) and of events (RFC 8417), which are no access. */
const foreignClaims = ['nonce', 'at_hash', 'c_hash', 'events']

/** `typ` as Keycloak writes it, `token_use` as Amazon Cognito does. */
const isAccessToken = (claims: JWTPayload): boolean =>
  claims.typ !== 'ID' &&
  claims.token_use !== 'id' &&
  !foreignClaims.some((claim) => Object.hasOwn(claims, claim))

const isSubject = (value: unknown): value is string =>
  typeof value === 'string' && subjectShape.test(value) && value.trim() !== ''

/** One answer for all that is wrong with a token, so that a forger learns nothing from it; the log tells. */
const refusal = (error: unknown): RequestError => {
  if (error instanceof RequestError) return error
  const reason = error instanceof errors.JWTExpired ? 'EXPIRED' : 'UNKNOWN'
  return unauthenticated(reason, jwtRefusal(error))
}

/** Verifies by the key that the token names; by each in turn, where it may mean several. */
async function verifyJwt(
  token: string,
  key: IdentityProvider['key'],
  options: JWTVerifyOptions,
): Promise<JWTVerifyResult> {
  try {
    return await jwtVerify(token, key, options)
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    let tried = 0
    for await (const candidate of error) {
      try {
        return await jwtVerify(token, candidate, options)
      } catch (failure) {
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure
      }
      tried += 1
      if (tried === maxKeysTried) break
    }
    throw error
  }
}

/** Which tokens of which identity provider sign people in. */
export interface SignInSettings {
  readonly issuer: string
  readonly audience: string
  /** The claim that names the audience; absent: `aud`. */
  readonly audienceClaim?: 'aud' | 'client_id'
  /** Whether an address counts of which nothing says that it is verified. */
  readonly trustEmail?: boolean
}

/**
 * For a provider whose access tokens have no `aud`, as Amazon Cognito's: one that has it is another
 * kind of token.
 *
 * @throws JWTClaimValidationFailed for a token of another client
 */
function assertClient(payload: JWTPayload, clientId: string): void {
  if (payload.aud !== undefined || payload.client_id !== clientId)
    throw new errors.JWTClaimValidationFailed('another audience', payload, 'aud', 'check_failed')
}

/** Checks tokens of one issuer for one audience. Nothing is asked of the issuer before the first. */
export function createSignInVerifier(settings: SignInSettings): SignInVerifier {
  const { issuer, audience, audienceClaim = 'aud', trustEmail = false } = settings
  const provider = createIdentityProvider(issuer)
  const profiles = createSignInProfiles(provider, trustEmail)
  const verify = async (token: string): Promise<JWTVerifyResult> => {
    const verified = await verifyJwt(token, provider.key, {
      issuer,
      ...(audienceClaim === 'aud' && { audience }),
      algorithms: [...signatureAlgorithms],
      requiredClaims: ['exp', 'sub'],
      clockTolerance: leewaySeconds,
    })
    if (audienceClaim === 'client_id') assertClient(verified.payload, audience)
    return verified
  }
  return {
    issuer,
    verify: async (token) => {
      if (!isJwt(token)) throw unauthenticated('MALFORMED')
      const { payload, protectedHeader } = await verify(token).catch((error: unknown) => {
        throw refusal(error)
      })
      const { sub, exp = 0 } = payload
      if (!isAccessTokenType(protectedHeader.typ) || !isAccessToken(payload))
        throw unauthenticated('UNKNOWN', { reason: 'NO_ACCESS_TOKEN' })
      if (!isSubject(sub)) throw unauthenticated('UNKNOWN', { reason: 'INVALID_CLAIM' })
      return {
        issuer,
        subject: sub,
        ...profileIn(payload, trustEmail),
        expiresAt: instantOf(exp + leewaySeconds),
      }
    },
    profile: async (token, claims) =>
      claims.email === null ? await profiles.get(token, claims) : claims,
    profileSoon: async (token, claims) =>
      claims.email === null ? await profiles.getSoon(token, claims) : claims,
  }
}

/** The instant of seconds since 1970; the last that a Date can tell for a later one. */
const instantOf = (seconds: number): Date => new Date(Math.min(seconds * 1_000, 8.64e15))
