import { LRUCache } from 'lru-cache'
import { isEmail } from '../../input/email.ts'
import { name } from '../../input/text.ts'
import { withTimeout } from '../../timeout.ts'
import { secretDigest } from './hash.ts'
import type { IdentityProvider } from './identity-provider.ts'

const maxRemembered = 10_000
/** How long who is known already waits for userinfo, in milliseconds. */
const patience = 1_000
/** How long userinfo is then not asked on their behalf, in milliseconds. */
const silenceLasts = 30_000
/** So many people for whom it failed since it last answered: it is not they, it is down. */
const failuresOfOutage = 3
/** How long it holds that a token's person has no verified address, in milliseconds. */
const refusalHolds = 30_000

/** How a person is to be shown, as the issuer says. */
export interface SignInProfile {
  /** Null when there is none that can be shown. */
  readonly name: string | null
  /** Only an address that the issuer calls verified, or one that the operator vouches for. */
  readonly email: string | null
}

/** A token's own claims, as far as they decide what userinfo is asked for. */
export interface ProfileClaims extends SignInProfile {
  readonly subject: string
  readonly expiresAt: Date
}

/**
 * What a token's or userinfo's claims say of a person. An address is taken as it stands: one with
 * anything around it is another mailbox, or none. Some issuers write `email_verified` as a text.
 *
 * @param trustEmail whether an address counts of which nothing says whether it is verified
 */
export function profileIn(
  claims: Readonly<Record<string, unknown>>,
  trustEmail: boolean,
): SignInProfile {
  const { email, email_verified: said } = claims
  const isVerified = said === true || said === 'true' || (trustEmail && said === undefined)
  return {
    name: name.safeParse(claims.name).data ?? null,
    email: isVerified && typeof email === 'string' && isEmail(email) ? email : null,
  }
}

/** What userinfo says of the people of tokens. */
export interface SignInProfiles {
  /** @throws RequestError SERVICE_UNAVAILABLE when userinfo does not answer */
  get(token: string, claims: ProfileClaims): Promise<SignInProfile>
  /** The same, or the claims themselves when userinfo fails, takes too long, or is known to be down. */
  getSoon(token: string, claims: ProfileClaims): Promise<SignInProfile>
}

/**
 * Remembers what userinfo said for a token for as long as the token lives; that it told no verified
 * address, for half a minute; no failure at all.
 */
export function createSignInProfiles(
  { userinfo }: IdentityProvider,
  trustEmail: boolean,
): SignInProfiles {
  const remembered = new LRUCache<string, Promise<SignInProfile>>({
    max: maxRemembered,
    ttlResolution: 0,
  })
  let silentUntil = Number.NEGATIVE_INFINITY
  const failedFor = new Set<string>()

  const ask = async (token: string, claims: ProfileClaims): Promise<SignInProfile> => {
    const answer = await userinfo(token)
    // OpenID Connect Core 1.0, 5.3.2: what is said of another subject must not be used.
    const said =
      answer?.sub === claims.subject ? profileIn(answer, trustEmail) : { name: null, email: null }
    return { name: claims.name ?? said.name, email: said.email }
  }

  const silence = (): void => {
    silentUntil = performance.now() + silenceLasts
    failedFor.clear()
  }

  const get: SignInProfiles['get'] = (token, claims) => {
    const key = secretDigest(token)
    const found = remembered.get(key)
    if (found !== undefined) return found
    const profile = ask(token, claims)
    /** A time to live of 0 would have no end. */
    const remember = (ms: number) => remembered.set(key, profile, { ttl: Math.max(1, ms) })
    profile.then(
      ({ email }) => {
        failedFor.clear()
        if (email === null && remembered.peek(key) === profile)
          remember(Math.min(remembered.getRemainingTTL(key), refusalHolds))
      },
      () => {
        if (remembered.peek(key) === profile) remembered.delete(key)
        failedFor.add(claims.subject)
        if (failedFor.size >= failuresOfOutage) silence()
      },
    )
    remember(claims.expiresAt.getTime() - Date.now())
    return profile
  }

  const getSoon: SignInProfiles['getSoon'] = async (token, claims) => {
    if (performance.now() < silentUntil && !remembered.has(secretDigest(token))) return claims
    const answer = await withTimeout(
      get(token, claims).catch(() => claims),
      patience,
    )
    if (answer === undefined) silence()
    return answer ?? claims
  }

  return { get, getSoon }
}
