import {
  keyCallerOf,
  type PresentedCredential,
  refusalOf,
  tokenCallerOf,
} from '../../auth/authenticate.ts'
import type { KeyCaller, TokenCaller } from '../../auth/caller.ts'
import type { CachedCredential } from '../../auth/credential-cache.ts'
import { isApiKey } from '../../auth/credentials/format.ts'
import { hashSecret, secretDigest } from '../../auth/credentials/hash.ts'
import { isJwt, unverifiedIssuer } from '../../auth/credentials/jwt.ts'
import { findKeyByHash } from '../../auth/key-record.ts'
import { findToken } from '../../auth/token-record.ts'
import { noteUnderWay } from '../../auth/under-way.ts'
import type { Deps } from '../../deps.ts'
import {
  type CredentialReason,
  RequestError,
  serviceUnavailable,
  unauthenticated,
} from '../../errors.ts'

/** Where a credential was presented, and which may be found. */
export interface Presentation {
  readonly address: string | undefined
  /** The id that its key must have; absent: whichever. */
  readonly keyId?: string
  /** The workspace that it must be of; absent: whichever. Of another one it is not known. */
  readonly workspaceId?: string
}

/** A known credential with the caller that it makes, and how it fared. */
export interface Judged<Caller extends KeyCaller | TokenCaller = KeyCaller | TokenCaller> {
  readonly caller: Caller
  readonly credential: PresentedCredential
  /** Under which it may be remembered. */
  readonly digest: string
  /** Whether it was remembered. */
  readonly isRemembered: boolean
  readonly now: Date
  /** The first of rules 1 and 2 that refuses it, if one does. */
  readonly refusal: CredentialReason | undefined
}

type Found<Caller extends KeyCaller | TokenCaller> = CachedCredential & { readonly caller: Caller }

/**
 * Finds an API key or access token of ours, in memory or by reading, and holds it to rules 1 and 2
 * of the decision.
 *
 * @throws RequestError UNAUTHENTICATED MALFORMED or UNKNOWN, SERVICE_UNAVAILABLE when it cannot be
 *   known
 */
export async function judgeCredential(
  deps: Deps,
  secret: string,
  presentation: Presentation,
): Promise<Judged> {
  const judged = await judgeUnlessForeign(deps, secret, presentation)
  if ('issuer' in judged) return await failed(deps, secretDigest(secret), presentation, 'UNKNOWN')
  return judged
}

/** The same for a credential that may be another issuer's, who is named then. */
export async function judgeUnlessForeign(
  deps: Deps,
  secret: string,
  presentation: Presentation,
): Promise<Judged | { readonly issuer: string }> {
  if (isApiKey(secret)) return await judgeKey(deps, secret, presentation)
  const digest = secretDigest(secret)
  // One that is remembered has been taken apart before.
  if (deps.credentials.get(digest)?.caller.kind === 'ACCESS_TOKEN')
    return await judgeToken(deps, secret, digest, presentation)
  const issuer = isJwt(secret) ? unverifiedIssuer(secret) : undefined
  if (issuer === undefined) return await failed(deps, digest, presentation, 'MALFORMED')
  return issuer === deps.publicUrl
    ? await judgeToken(deps, secret, digest, presentation)
    : { issuer }
}

/** What is no key and no token of ours by its looks is an attempt like any other. */
const failed = (
  deps: Deps,
  digest: string,
  presentation: Presentation,
  reason: 'MALFORMED' | 'UNKNOWN',
): Promise<never> =>
  deps.limits.attempts.limited(presentation, digest, () => {
    throw unauthenticated(reason)
  })

/** The same for an API key; anything else is malformed. */
export const judgeKey = (
  deps: Deps,
  secret: string,
  presentation: Presentation,
): Promise<Judged<KeyCaller>> => {
  const digest = secretDigest(secret)
  if (!isApiKey(secret)) return failed(deps, digest, presentation, 'MALFORMED')
  return judge<KeyCaller>(deps, digest, presentation, async () => {
    const hash = hashSecret(secret)
    const key = await findKeyByHash(deps.prisma, hash)
    return key && { credential: key, caller: keyCallerOf(key, hash) }
  })
}

const judgeToken = (
  deps: Deps,
  jwt: string,
  digest: string,
  presentation: Presentation,
): Promise<Judged<TokenCaller>> =>
  judge<TokenCaller>(deps, digest, presentation, async () => {
    const expected = { audience: deps.publicUrl, workspaceId: presentation.workspaceId }
    const { workspaceId, tokenId } = await deps.accessTokens.verify(jwt, expected)
    const token = await findToken(deps.prisma, workspaceId, tokenId)
    return token && { credential: token, caller: tokenCallerOf(token) }
  })

function judge<Caller extends KeyCaller | TokenCaller>(
  deps: Deps,
  digest: string,
  presentation: Presentation,
  read: () => Promise<Found<Caller> | undefined>,
): Promise<Judged<Caller>> {
  return deps.limits.attempts.limited(presentation, digest, async () => {
    // What was stored under the digest of a secret was made of that secret, by the same `read`.
    const known = deps.credentials.get(digest) as Found<Caller> | undefined
    const found = known ?? (await noteUnderWay(deps.prisma, read()).catch(unlessKnown))
    if (found === undefined || !isAsPresented(found, presentation)) throw unauthenticated('UNKNOWN')
    const isRemembered = known !== undefined
    const now = isRemembered ? new Date() : found.credential.now
    const refusal = refusalOf(found.credential, now, presentation.address)
    return { ...found, digest, isRemembered, now, refusal }
  })
}

const isAsPresented = (
  { credential }: CachedCredential,
  { keyId = credential.id, workspaceId = credential.workspaceId }: Presentation,
): boolean => credential.id === keyId && credential.workspaceId === workspaceId

/** What was not expected is an outage: neither a refusal nor a pass. */
export const unlessKnown = (error: unknown): never => {
  throw error instanceof RequestError ? error : serviceUnavailable(error)
}
