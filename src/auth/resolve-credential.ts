import type { Deps } from '../deps.ts'
import {
  type CredentialReason,
  RequestError,
  serviceUnavailable,
  unauthenticated,
} from '../errors.ts'
import type { Presented } from '../limits/failed-auth.ts'
import type { Awaitable } from '../when-known.ts'
import type { KeyCaller, KeyWithoutWorkspace, TokenCaller } from './caller.ts'
import type { CachedCredential } from './credential-cache.ts'
import {
  keyCallerOf,
  type PresentedCredential,
  rejectionReason,
  tokenCallerOf,
} from './credential-state.ts'
import { isApiKey } from './credentials/format.ts'
import { hashSecret, secretDigest } from './credentials/hash.ts'
import { isJwt, unverifiedIssuer } from './credentials/jwt.ts'
import { hasLegacyShape } from './credentials/legacy-format.ts'
import { findKeyByHash } from './key-record.ts'
import { findToken } from './token-record.ts'
import { readUserLevelKey, type WhichWorkspace } from './user-level-key.ts'

/** Where a credential was presented, and which may be found. */
export interface Presentation extends WhichWorkspace {
  readonly address: string | undefined
  /** The id that its key must have; absent: whichever. */
  readonly keyId?: string
  /** Who asks about it, where it is another's credential. */
  readonly verifierId?: string
}

/** A known credential, the caller that it makes, and whether it is rejected. */
export interface ResolvedCredential<Caller extends CallerByKey = KeyCaller | TokenCaller> {
  readonly caller: Caller
  readonly credential: PresentedCredential
  /** Puts it into the cache; undefined where it is there already. */
  readonly remember: (() => void) | undefined
  readonly now: Date
  /** The first of rules 1 and 2 of the decision that rejects it; undefined: none does. */
  readonly refusal: CredentialReason | undefined
}

/** A caller by a key or by one of its tokens. */
export type CallerByKey = KeyCaller | TokenCaller | KeyWithoutWorkspace

type Found<Caller extends CallerByKey> = Pick<ResolvedCredential<Caller>, 'caller' | 'credential'>

/** Whether the credential makes a caller in a workspace. */
export const isInWorkspace = <Caller extends CallerByKey>(
  resolved: ResolvedCredential<Caller>,
): resolved is ResolvedCredential<Exclude<Caller, KeyWithoutWorkspace>> &
  ResolvedCredential<Caller> => resolved.caller.workspaceId !== null

/**
 * Finds an API key or access token of this installation, in the cache or in the database, and checks
 * rules 1 and 2 of the decision.
 *
 * @throws RequestError UNAUTHENTICATED MALFORMED or UNKNOWN, SERVICE_UNAVAILABLE when it cannot be
 *   known
 */
export async function resolveCredential(
  deps: Deps,
  secret: string,
  presentation: Omit<Presentation, 'acceptsUserLevel'>,
): Promise<ResolvedCredential> {
  const resolved = await resolveFromAnyIssuer(deps, secret, presentation)
  if ('issuer' in resolved) return await failed(deps, secretDigest(secret), presentation, 'UNKNOWN')
  if (!isInWorkspace(resolved)) throw unauthenticated('UNKNOWN')
  return resolved
}

/**
 * The same for a credential of any issuer: a JWT of another issuer resolves to that issuer. A
 * user-level key may resolve to a caller without a workspace.
 *
 * @throws RequestError as `resolveCredential`, WORKSPACE_NOT_FOUND for one where the owner of a
 *   user-level key is not
 */
export function resolveFromAnyIssuer(
  deps: Deps,
  secret: string,
  presentation: Presentation,
): Awaitable<ResolvedCredential<CallerByKey> | { readonly issuer: string }> {
  const digest = secretDigest(secret)
  return (
    resolveCached(deps, digest, presentation) ??
    resolvePresented(deps, secret, digest, presentation)
  )
}

async function resolvePresented(
  deps: Deps,
  secret: string,
  digest: string,
  presentation: Presentation,
): Promise<ResolvedCredential<CallerByKey> | { readonly issuer: string }> {
  if (isApiKey(secret)) return await resolveAnyKey(deps, secret, presentation)
  const issuer = isJwt(secret) ? unverifiedIssuer(secret) : undefined
  if (issuer === undefined) return await resolveAnyKey(deps, secret, presentation)
  return issuer === deps.publicUrl
    ? await resolveToken(deps, secret, digest, presentation)
    : { issuer }
}

/**
 * A cached credential, checked against rules 1 and 2 as of now. Undefined: it must be looked up. A
 * cached secret was verified before, so it counts as trusted for the limit on failed attempts.
 */
function resolveCached(
  deps: Deps,
  digest: string,
  presentation: Presentation,
): ResolvedCredential | undefined {
  const known = deps.credentials.get(digest)
  const isHit = known !== undefined && isAsPresented(known, presentation)
  deps.metrics.countLookUp(isHit)
  if (!isHit) return undefined
  deps.limits.failedAuth.markTrusted(digest)
  const now = deps.credentials.now()
  const refusal = rejectionReason(known.credential, now, presentation.address)
  return { ...known, remember: undefined, now, refusal }
}

/** A secret that is no key and no token of ours by its shape counts as a failed attempt. */
const failed = (
  deps: Deps,
  digest: string,
  presentation: Presentation,
  reason: 'MALFORMED' | 'UNKNOWN',
): Promise<never> =>
  deps.limits.failedAuth.guardLookup(presentation, { digest }, () => {
    throw unauthenticated(reason)
  })

/** The same for an API key of one workspace; any other secret is malformed or unknown. */
export async function resolveKey(
  deps: Deps,
  secret: string,
  presentation: Omit<Presentation, 'acceptsUserLevel'>,
): Promise<ResolvedCredential<KeyCaller>> {
  const resolved = await resolveAnyKey(deps, secret, presentation)
  if (!isInWorkspace(resolved)) throw unauthenticated('UNKNOWN')
  return resolved
}

/**
 * Resolves a secret that is no JWT. A secret in our key format is looked up as a key; one in another
 * format is looked up only where legacy keys exist.
 */
export function resolveAnyKey(
  deps: Deps,
  secret: string,
  presentation: Presentation,
): Promise<ResolvedCredential<KeyCaller | KeyWithoutWorkspace>> {
  const digest = secretDigest(secret)
  const isKey = isApiKey(secret)
  const hasOtherShape = hasLegacyShape(secret, deps.keyPrefixes)
  if (!isKey && !hasOtherShape) return failed(deps, digest, presentation, 'MALFORMED')
  const presented = { digest, isWellFormed: isKey }
  return resolve<KeyCaller | KeyWithoutWorkspace>(deps, presented, presentation, async () => {
    const mayBeLegacy = hasOtherShape && (await deps.legacyKeys.exist())
    if (!isKey && !mayBeLegacy) throw unauthenticated('MALFORMED')
    const hash = hashSecret(secret)
    const key = await findKeyByHash(deps.prisma, hash)
    if (key !== undefined) return { credential: key, caller: keyCallerOf(key, hash) }
    return mayBeLegacy ? await readUserLevelKey(deps.prisma, hash, presentation) : undefined
  })
}

async function resolveToken(
  deps: Deps,
  jwt: string,
  digest: string,
  presentation: Presentation,
): Promise<ResolvedCredential<TokenCaller>> {
  const expected = { audience: deps.publicUrl, workspaceId: presentation.workspaceId }
  const verify = () => deps.accessTokens.verify(jwt, expected).catch(unlessKnown)
  const verified =
    deps.credentials.get(digest) === undefined
      ? await deps.limits.failedAuth.guardSignature(presentation, digest, verify)
      : undefined
  return await resolve<TokenCaller>(deps, { digest }, presentation, async () => {
    const { workspaceId, tokenId } = verified ?? (await verify())
    const token = await findToken(deps.prisma, workspaceId, tokenId)
    return token && { credential: token, caller: tokenCallerOf(token) }
  })
}

function resolve<Caller extends CallerByKey>(
  deps: Deps,
  presented: Presented,
  presentation: Presentation,
  read: () => Promise<Found<Caller> | undefined>,
): Promise<ResolvedCredential<Caller>> {
  const { digest } = presented
  return deps.limits.failedAuth.guardLookup(presentation, presented, async () => {
    // What was stored under the digest of a secret was made of that secret, by the same `read`.
    const known = deps.credentials.get(digest) as (CachedCredential & Found<Caller>) | undefined
    const store = deps.credentials.reading()
    const found = known ?? (await read().catch(unlessKnown))
    if (found === undefined || !isAsPresented(found, presentation)) throw unauthenticated('UNKNOWN')
    const now = known === undefined ? found.credential.now : deps.credentials.now()
    // In no workspace no rule of one counts.
    const isSomewhere = found.caller.workspaceId !== null
    const refusal = isSomewhere
      ? rejectionReason(found.credential, now, presentation.address)
      : undefined
    const remember =
      known === undefined ? () => store(digest, found as CachedCredential) : undefined
    return { ...found, remember, now, refusal }
  })
}

const isAsPresented = (
  { credential }: Pick<ResolvedCredential, 'credential'>,
  { keyId = credential.id, workspaceId = credential.workspaceId }: Presentation,
): boolean => credential.id === keyId && credential.workspaceId === workspaceId

/** Turns an unexpected error into SERVICE_UNAVAILABLE: neither a refusal nor a pass. */
export const unlessKnown = (error: unknown): never => {
  throw error instanceof RequestError ? error : serviceUnavailable(error)
}
