import { errors, type JWTPayload, jwtVerify } from 'jose'
import { RequestError, unauthenticated } from '../../errors.ts'
import { emailInput } from '../../input/email.ts'
import { InputProblems } from '../../input/problems.ts'
import { isStorable, nameInput } from '../../input/text.ts'
import { hashSecret } from './hash.ts'
import { createIdentityProvider, type IdentityProvider } from './identity-provider.ts'
import { isJwt } from './jwt.ts'

/** Asymmetric ones alone: with a shared secret, or with a public key taken for one, anybody signs. */
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]
/** OpenID Connect Core 1.0, 2. */
const maxSubjectLength = 255
const maxProfiles = 10_000

/** What a verified sign-in token says. */
export interface SignInClaims {
  readonly issuer: string
  /** What the issuer calls the person; never given to another (OpenID Connect Core 1.0, 2). */
  readonly subject: string
  /** Null when the token tells none that can be shown. */
  readonly name: string | null
  /** Only a verified address. */
  readonly email: string | null
  readonly expiresAt: Date
}

/** How a person is to be shown, as the issuer says. */
export interface SignInProfile {
  readonly name: string | null
  /** Only a verified address. */
  readonly email: string | null
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
}

/** As an encoder writes base64url, with no bits left over: a token has one spelling (RFC 4648, 3.5). */
const isCanonical = (token: string): boolean =>
  token.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)

/** RFC 9068, 2.1, and what issuers wrote before it. */
const isAccessTokenType = (typ: string | undefined): boolean =>
  typ === undefined || /^(?:jwt|(?:application\/)?at\+jwt)$/i.test(typ)

/** Claims of ID tokens (OpenID Connect Core 1.0, 2) and of events (RFC 8417), which are no access. */
const foreignClaims = ['nonce', 'at_hash', 'c_hash', 'events']

const isAccessToken = (claims: JWTPayload): boolean =>
  claims.typ !== 'ID' && !foreignClaims.some((claim) => Object.hasOwn(claims, claim))

const isSubject = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= maxSubjectLength && isStorable(value)

function profileIn(claims: Readonly<Record<string, unknown>>): SignInProfile {
  const { name, email, email_verified: isVerified } = claims
  return {
    name: acceptable(name, (problems, text) => nameInput(problems, [], text)),
    email:
      isVerified === true
        ? acceptable(email, (problems, text) => emailInput(problems, [], text))
        : null,
  }
}

function acceptable(
  value: unknown,
  read: (problems: InputProblems, text: string) => string,
): string | null {
  if (typeof value !== 'string') return null
  const problems = new InputProblems()
  const text = read(problems, value)
  return problems.any ? null : text
}

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
  const profiles = createProfiles(provider)
  return {
    issuer,
    verify: async (token) => {
      if (!isJwt(token) || !isCanonical(token)) throw unauthenticated('MALFORMED')
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
      claims.email === null ? await profiles(token, claims) : claims,
  }
}

/** The instant of seconds since 1970; the last that a Date can tell for a later one. */
const instantOf = (seconds: number): Date => new Date(Math.min(seconds * 1_000, 8.64e15))

interface RememberedProfile {
  readonly expiresAt: Date
  readonly profile: Promise<SignInProfile>
}

/** What userinfo said for a token, for as long as the token lives; a failure is not remembered. */
function createProfiles({ userinfo }: IdentityProvider) {
  const remembered = new Map<string, RememberedProfile>()

  const ask = async (token: string, claims: SignInClaims): Promise<SignInProfile> => {
    const answer = await userinfo(token)
    // OpenID Connect Core 1.0, 5.3.2: what is said of another subject must not be used.
    const said = answer?.sub === claims.subject ? profileIn(answer) : { name: null, email: null }
    return { name: claims.name ?? said.name, email: said.email }
  }

  return (token: string, claims: SignInClaims): Promise<SignInProfile> => {
    const key = Buffer.from(hashSecret(token)).toString('base64')
    const found = remembered.get(key)
    if (found !== undefined && found.expiresAt > new Date()) return found.profile
    const profile = ask(token, claims)
    profile.catch(() => remembered.delete(key))
    if (remembered.size >= maxProfiles) remembered.delete(remembered.keys().next().value ?? '')
    remembered.set(key, { expiresAt: claims.expiresAt, profile })
    return profile
  }
}
