import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { LRUCache } from 'lru-cache'
import { RequestError, serviceUnavailable, unauthenticated } from '../errors.ts'
import { isIdOf } from '../ids.ts'
import { secretDigest } from './credentials/hash.ts'
import { jwtRefusal } from './credentials/jwt-refusal.ts'
import { type SigningKeys, signatureAlgorithm } from './signing-keys.ts'
import { maxTokenSeconds } from './token-lifetime.ts'

const type = 'at+jwt'
/** All that a header of ours holds: a key of its own (jwk, jku, x5u, x5c) or crit makes it no token of ours. */
const headerNames = new Set(['alg', 'kid', 'typ'])
const workspaceClaim = 'latchkey:workspace'

/** The claims of a token: RFC 9068's, and our own. */
export interface TokenClaims {
  readonly id: string
  readonly workspaceId: string
  /** The key: client and subject alike. */
  readonly keyId: string
  readonly ownerId: string
  readonly audience: readonly string[]
  /** Permissions held in every space of the token. */
  readonly scope: string
  /** By space id, what may be done there; undefined with all spaces. */
  readonly spaces: Readonly<Record<string, readonly string[]>> | undefined
  readonly issuedAt: Date
  readonly expiresAt: Date
}

/** Which token a JWT is. Its signature has been verified; whether it still lives has not. */
export interface VerifiedToken {
  readonly workspaceId: string
  readonly tokenId: string
}

/** Makes a signed JWT of the type at+jwt (RFC 9068); instants are cut to whole seconds. */
export type SignToken = (claims: TokenClaims) => Promise<string>

/** What a token must be to be known. */
export interface ExpectedToken {
  /** What `aud` must hold; absent: whatever it holds. */
  readonly audience?: string | undefined
  /** The workspace that it must be of; absent: whichever. */
  readonly workspaceId?: string | undefined
}

/** Signs this installation's access tokens and verifies their signatures. */
export interface AccessTokens {
  /**
   * What signs with the key of this moment. To be asked for before a transaction: the keys may have
   * to be read, and the embedded database has no second connection to do it by.
   */
  signer(): Promise<SignToken>
  /**
   * Verifies signature, type, issuer and, give or take a few minutes, expiry by our own keys alone.
   *
   * @throws RequestError UNAUTHENTICATED: EXPIRED for one of ours, of the expected workspace, that is
   *   over, else UNKNOWN
   */
  verify(jwt: string, expected?: ExpectedToken): Promise<VerifiedToken>
}

/** Beyond either, a token does not list its spaces: only introspection tells them. */
const maxListedSpaces = 100
const maxPayloadBytes = 4_096

function payloadOf(claims: TokenClaims, issuer: string): JWTPayload {
  const { spaces } = claims
  const payload = {
    iss: issuer,
    sub: claims.keyId,
    client_id: claims.keyId,
    aud: [...claims.audience],
    iat: seconds(claims.issuedAt),
    exp: seconds(claims.expiresAt),
    jti: claims.id,
    scope: claims.scope,
    [workspaceClaim]: claims.workspaceId,
    'latchkey:user': claims.ownerId,
  }
  if (spaces === undefined) return payload
  const listed = { ...payload, 'latchkey:spaces': spaces }
  const isTooMuch =
    Object.keys(spaces).length > maxListedSpaces ||
    Buffer.byteLength(JSON.stringify(listed)) > maxPayloadBytes
  return isTooMuch ? { ...payload, 'latchkey:spaces_ref': true } : listed
}

/** Verified tokens that are remembered, so that their signature is checked but once. */
const maxVerified = 10_000

/** By the database's clock a token ends at its very instant; this process's may be wrong by as much. */
const clockToleranceSeconds = 300

const seconds = (instant: Date): number => Math.floor(instant.getTime() / 1_000)

const isOf = (workspaceId: unknown, expected: ExpectedToken): boolean =>
  expected.workspaceId === undefined || workspaceId === expected.workspaceId

/** Whatever is wrong with a JWT is one and the same to who sent it, but that a good one is over. */
function refusal(error: unknown, expected: ExpectedToken): RequestError {
  if (error instanceof RequestError) return error
  const isOver = error instanceof errors.JWTExpired && isOf(error.payload[workspaceClaim], expected)
  return unauthenticated(isOver ? 'EXPIRED' : 'UNKNOWN', jwtRefusal(error))
}

/** Whether a token of that audience is one for the server of that address. */
export const isMeantFor = (publicUrl: string, audience: readonly string[]): boolean =>
  audience.includes(publicUrl)

interface Remembered extends VerifiedToken {
  readonly expiresAt: number
  readonly audience: readonly string[]
}

/** The access tokens that `issuer`, the installation's PUBLIC_URL, gives and takes. */
export function createAccessTokens(keys: SigningKeys, issuer: string): AccessTokens {
  const verified = new LRUCache<string, Remembered>({ max: maxVerified })
  const find = (kid: string) =>
    keys.find(kid).catch((error: unknown) => {
      throw serviceUnavailable(error)
    })

  const verifySignature = async (jwt: string): Promise<Remembered> => {
    const { payload } = await jwtVerify(
      jwt,
      async ({ kid, ...header }) => {
        const isOurs = Object.keys(header).every((name) => headerNames.has(name))
        const key = isOurs && typeof kid === 'string' ? await find(kid) : undefined
        if (key === undefined) throw unauthenticated('UNKNOWN', { reason: 'UNKNOWN_SIGNING_KEY' })
        return key
      },
      {
        issuer,
        typ: type,
        algorithms: [signatureAlgorithm],
        clockTolerance: clockToleranceSeconds,
        requiredClaims: ['exp', 'iat', 'sub', 'jti', 'aud', workspaceClaim],
      },
    )
    const { jti, iat = 0, exp = 0, aud, [workspaceClaim]: workspaceId } = payload
    const isToken = typeof jti === 'string' && isIdOf('tok', jti)
    const hasWorkspace = typeof workspaceId === 'string' && isIdOf('wsp', workspaceId)
    if (!isToken || !hasWorkspace || exp - iat > maxTokenSeconds) throw unauthenticated('UNKNOWN')
    const expiresAt = (exp + clockToleranceSeconds) * 1_000
    return { tokenId: jti, workspaceId, expiresAt, audience: [aud ?? []].flat() }
  }

  return {
    async signer() {
      const { id: kid, privateKey } = await keys.current()
      return (claims) =>
        new SignJWT(payloadOf(claims, issuer))
          .setProtectedHeader({ alg: signatureAlgorithm, typ: type, kid })
          .sign(privateKey)
    },

    async verify(jwt, expected = {}) {
      const digest = secretDigest(jwt)
      let token = verified.get(digest)
      if (token === undefined) {
        token = await verifySignature(jwt).catch((error: unknown) => {
          throw refusal(error, expected)
        })
        verified.set(digest, token)
      }
      const { tokenId, workspaceId } = token
      if (!isOf(workspaceId, expected))
        throw unauthenticated('UNKNOWN', { reason: 'WRONG_WORKSPACE', tokenId, workspaceId })
      if (Date.now() >= token.expiresAt) {
        verified.delete(digest)
        throw unauthenticated('EXPIRED', { tokenId, workspaceId })
      }
      const { audience } = expected
      if (audience !== undefined && !isMeantFor(audience, token.audience))
        throw unauthenticated('UNKNOWN', { reason: 'WRONG_AUDIENCE', tokenId, workspaceId })
      return token
    },
  }
}
