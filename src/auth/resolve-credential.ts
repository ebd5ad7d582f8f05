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

/** A known credential with the caller that it makes, and how it fared. */
export interface ResolvedCredential<Caller extends CallerByKey = KeyCaller | TokenCaller> {
  readonly caller: Caller
  readonly credential: PresentedCredential
  /** Remembers it for other requests; undefined where it is remembered already. */
  readonly remember: (() => void) | undefined
  readonly now: Date
  /** The first of rules 1 and 2 that refuses it, if one does. */
  readonly refusal: CredentialReason | undefined
}

/** Whom a credential makes that a key stands behind. */
export type CallerByKey = KeyCaller | TokenCaller | KeyWithoutWorkspace

type Found<Caller extends CallerByKey> = Pick<ResolvedCredential<Caller>, 'caller' | 'credential'>

/** Whether it was judged by the rules of a workspace. */
export const isInWorkspace = <Caller extends CallerByKey>(
  judged: ResolvedCredential<Caller>,
): judged is ResolvedCredential<Exclude<Caller, KeyWithoutWorkspace>> &
  ResolvedCredential<Caller> => judged.caller.workspaceId !== null

/**
 * Finds an API key or access token of ours, in memory or by reading, and holds it to rules 1 and 2
 * of the decision.
 *
 * @throws RequestError UNAUTHENTICATED MALFORMED or UNKNOWN, SERVICE_UNAVAILABLE when it cannot be
 *   known
 */
export async function resolveCredential(
  deps: Deps,
  secret: string,
  presentation: Omit<Presentation, 'acceptsUserLevel'>,
): Promise<ResolvedCredential> {
  const judged = await resolveFromAnyIssuer(deps, secret, presentation)
  if ('issuer' in judged) return await failed(deps, secretDigest(secret), presentation, 'UNKNOWN')
  if (!isInWorkspace(judged)) throw unauthenticated('UNKNOWN')
  return judged
}

/**
 * The same for a credential that may be another issuer's, who is named then, or a user-level key,
 * which may have to be told its workspace.
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
    resolveCached(deps, digest, presentation) ?? judgePresented(deps, secret, digest, presentation)
  )
}

async function judgePresented(
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
 * A credential that is remembered and as it was presented, held to the rules as they are now: it has
 * been taken apart before, and whoever has it has not guessed it. Undefined: it is to be looked up.
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

/** What is no key and no token of ours by its looks is an attempt like any other. */
const failed = (
  deps: Deps,
  digest: string,
  presentation: Presentation,
  reason: 'MALFORMED' | 'UNKNOWN',
): Promise<never> =>
  deps.limits.failedAuth.guardLookup(presentation, { digest }, () => {
    throw unauthenticated(reason)
  })

/** The same for an API key of one workspace; anything else is malformed, or not known. */
export async function resolveKey(
  deps: Deps,
  secret: string,
  presentation: Omit<Presentation, 'acceptsUserLevel'>,
): Promise<ResolvedCredential<KeyCaller>> {
  const judged = await resolveAnyKey(deps, secret, presentation)
  if (!isInWorkspace(judged)) throw unauthenticated('UNKNOWN')
  return judged
}

/**
 * Whatever is no token. What has the shape of our keys is one, or is not known. What has none of our
 * shapes may have been issued elsewhere, and is looked up where such keys exist.
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

/** What was not expected is an outage: neither a refusal nor a pass. */
export const unlessKnown = (error: unknown): never => {
  throw error instanceof RequestError ? error : serviceUnavailable(error)
}
