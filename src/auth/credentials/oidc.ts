import { errors, type JWTPayload, jwtVerify } from 'jose'
import { RequestError, unauthenticated } from '../../errors.ts'
import { createIdentityProvider } from './identity-provider.ts'
import { isJwt } from './jwt.ts'
import {
  createSignInProfiles,
  type ProfileClaims,
  profileIn,
  type SignInProfile,
} from './sign-in-profiles.ts'

/** Asymmetric ones alone: with a shared secret, or with a public key taken for one, anybody signs. */
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]
/** OpenID Connect Core 1.0, 2: ASCII; and something to be seen. */
const subjectShape = /^(?=.*[!-~])[ -~]{1,255}$/

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
const isAccessTokenType = (typ: string | undefined): boolean =>
  typ === undefined || /^(?:jwt|(?:application\/)?at\+jwt)$/i.test(typ)

/** Claims of ID tokens (OpenID Connect Core 1.0, 2) and of events (RFC 8417), which are no access. */
const foreignClaims = ['nonce', 'at_hash', 'c_hash', 'events']

const isAccessToken = (claims: JWTPayload): boolean =>
  claims.typ !== 'ID' && !foreignClaims.some((claim) => Object.hasOwn(claims, claim))

const isSubject = (value: unknown): value is string =>
  typeof value === 'string' && subjectShape.test(value)

/** One answer for all that is wrong with a token, so that a forger learns nothing from it. */
const refusal = (error: unknown): RequestError => {
  if (error instanceof RequestError) return error
  return unauthenticated(error instanceof errors.JWTExpired ? 'EXPIRED' : 'UNKNOWN')
}

/** Checks tokens of one issuer for one audience. Nothing is asked of the issuer before the first. */
export function createSignInVerifier(options: {
  readonly issuer: string
  readonly audience: string
}): SignInVerifier {
  const { issuer, audience } = options
  const provider = createIdentityProvider(issuer)
  const profiles = createSignInProfiles(provider)
  return {
    issuer,
    verify: async (token) => {
      if (!isJwt(token)) throw unauthenticated('MALFORMED')
      const { payload, protectedHeader } = await jwtVerify(token, provider.key, {
        issuer,
        audience,
        algorithms,
        requiredClaims: ['exp', 'sub'],
      }).catch((error: unknown) => {
        throw refusal(error)
      })
      const { sub, exp = 0 } = payload
      if (!isAccessTokenType(protectedHeader.typ) || !isAccessToken(payload) || !isSubject(sub))
        throw unauthenticated('UNKNOWN')
      return { issuer, subject: sub, ...profileIn(payload), expiresAt: instantOf(exp) }
    },
    profile: async (token, claims) =>
      claims.email === null ? await profiles.get(token, claims) : claims,
    profileSoon: async (token, claims) =>
      claims.email === null ? await profiles.getSoon(token, claims) : claims,
  }
}

/** The instant of seconds since 1970; the last that a Date can tell for a later one. */
const instantOf = (seconds: number): Date => new Date(Math.min(seconds * 1_000, 8.64e15))
