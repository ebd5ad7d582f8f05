import {
  keyCallerOf,
  type PresentedCredential,
  refusalOf,
  tokenCallerOf,
} from '../auth/authenticate.ts'
import type { KeyCaller, Principal, TokenCaller } from '../auth/caller.ts'
import type { CachedCredential } from '../auth/credential-cache.ts'
import { isApiKey } from '../auth/credentials/format.ts'
import { hashSecret, secretDigest } from '../auth/credentials/hash.ts'
import { isJwt, unverifiedIssuer } from '../auth/credentials/jwt.ts'
import { findKeyByHash } from '../auth/key-record.ts'
import { findToken } from '../auth/token-record.ts'
import { noteUnderWay } from '../auth/under-way.ts'
import type { Deps } from '../deps.ts'
import { RequestError, serviceUnavailable, unauthenticated } from '../errors.ts'
import { retirePreviousSecret } from '../modules/api-key/retire-previous.ts'
import { authenticateHuman } from './authenticate-human.ts'
import { presentedSecret } from './credential.ts'

/** One request, as far as it matters to who it is from. */
export interface Origin {
  readonly address: string | undefined
  readonly requestId: string
  /** The workspace that it names, by id or slug. */
  readonly workspace?: string | undefined
  /** The id that its key must have; absent: whichever. */
  readonly keyId?: string
  /** Whether a replaced token makes a caller, one without rights; absent: it is refused. */
  readonly acceptsRotated?: boolean
}

/**
 * Whom a request's credential names: rules 1 and 2 of the decision, before anything of its body is
 * read. Undefined when it presents none.
 *
 * @throws RequestError UNAUTHENTICATED with the reason, BAD_REQUEST, WORKSPACE_NOT_FOUND for a
 *   workspace that is not the credential's, SERVICE_UNAVAILABLE when it cannot be known
 */
export const authenticate = (
  deps: Deps,
  headers: Headers,
  origin: Omit<Origin, 'workspace' | 'keyId'>,
): Promise<Principal | undefined> => {
  const workspace = headers.get('x-workspace-id') || undefined
  return principalOf(deps, headers, { ...origin, workspace })
}

async function principalOf(
  deps: Deps,
  headers: Headers,
  origin: Origin,
): Promise<Principal | undefined> {
  const secret = presentedSecret(headers)
  if (secret === undefined) return undefined
  return await credentialOf(deps, secret, origin, async (issuer) => {
    if (issuer !== deps.signIn?.issuer) throw unauthenticated('UNKNOWN')
    return await authenticateHuman(deps, deps.signIn, secret, origin)
  })
}

/**
 * The caller that an API key or access token of this installation makes, wherever it was presented.
 * No other issuer is asked, and nobody signs in.
 *
 * @throws RequestError as `authenticate`
 */
export const authenticateIntegration = (
  deps: Deps,
  secret: string,
  origin: Origin,
): Promise<KeyCaller | TokenCaller> =>
  credentialOf(deps, secret, origin, () => {
    throw unauthenticated('UNKNOWN')
  })

/** The caller that a key or token of ours makes, or what `ofIssuer` makes of another issuer's token. */
async function credentialOf<Other>(
  deps: Deps,
  secret: string,
  origin: Origin,
  ofIssuer: (issuer: string) => Promise<Other>,
): Promise<KeyCaller | TokenCaller | Other> {
  if (isApiKey(secret)) return await acceptKey(deps, secret, origin)
  const digest = secretDigest(secret)
  // One that is remembered has been taken apart before.
  if (deps.credentials.get(digest)?.caller.kind === 'ACCESS_TOKEN')
    return await acceptToken(deps, secret, digest, origin)
  const issuer = isJwt(secret) ? unverifiedIssuer(secret) : undefined
  if (issuer === undefined) throw unauthenticated('MALFORMED')
  if (issuer === deps.publicUrl) return await acceptToken(deps, secret, digest, origin)
  return await ofIssuer(issuer)
}

/**
 * The caller that an API key makes, wherever it was presented.
 *
 * @throws RequestError as `authenticate`
 */
export const authenticateKey = (deps: Deps, secret: string, origin: Origin): Promise<KeyCaller> => {
  if (!isApiKey(secret)) throw unauthenticated('MALFORMED')
  return acceptKey(deps, secret, origin)
}

/** Finds a credential, in memory or by `read`, and holds it to rules 1 and 2. */
async function accept<Found extends CachedCredential>(
  deps: Deps,
  digest: string,
  origin: Origin,
  read: () => Promise<Found | undefined>,
): Promise<Found & { readonly now: Date }> {
  // What was stored under the digest of a secret was made of that secret, by the same `read`.
  const known = deps.credentials.get(digest) as Found | undefined
  const found = known ?? (await noteUnderWay(deps.prisma, read()).catch(unlessKnown))
  if (found === undefined || (origin.keyId ?? found.credential.id) !== found.credential.id)
    throw unauthenticated('UNKNOWN')
  const { credential } = found
  const now = known === undefined ? credential.now : new Date()
  const reason = refusalOf(credential, now, origin.address)
  if (reason !== undefined && !mayRotate(found, now, origin)) throw unauthenticated(reason)
  assertNamedWorkspace(origin.workspace, credential)
  if (known === undefined && !retiresPrevious(credential)) deps.credentials.set(digest, found)
  return { ...found, now }
}

const unlessKnown = (error: unknown): never => {
  throw error instanceof RequestError ? error : serviceUnavailable(error)
}

/** A replaced token is let in for nothing but a rotation, which tells whether it was stolen. */
const mayRotate = (
  { caller, credential }: CachedCredential,
  now: Date,
  { address }: Origin,
): boolean =>
  caller.kind === 'ACCESS_TOKEN' &&
  refusalOf({ ...credential, replacedAt: null }, now, address) === undefined

// One that is to retire the previous secret must be read again once it has.
const retiresPrevious = (credential: PresentedCredential): boolean =>
  'retiresPrevious' in credential && credential.retiresPrevious

type Found<Caller extends KeyCaller | TokenCaller> = CachedCredential & { readonly caller: Caller }

async function acceptKey(deps: Deps, secret: string, origin: Origin): Promise<KeyCaller> {
  const { caller, credential, now } = await accept<Found<KeyCaller>>(
    deps,
    secretDigest(secret),
    origin,
    async () => {
      const hash = hashSecret(secret)
      const key = await findKeyByHash(deps.prisma, hash)
      return key && { credential: key, caller: keyCallerOf(key, hash) }
    },
  )
  // The caller keeps the epoch it was authenticated at: this request's own retirement is no rotation
  // that it could have lost a race to.
  if (retiresPrevious(credential))
    await retirePreviousSecret({ deps, caller, ...origin }).catch(unlessKnown)
  deps.usage.used(caller, now, origin.address)
  return caller
}

async function acceptToken(
  deps: Deps,
  jwt: string,
  digest: string,
  origin: Origin,
): Promise<TokenCaller> {
  const { caller, now } = await accept<Found<TokenCaller>>(deps, digest, origin, async () => {
    const { workspaceId, tokenId } = await deps.accessTokens.verify(jwt, deps.publicUrl)
    const token = await findToken(deps.prisma, workspaceId, tokenId)
    return token && { credential: token, caller: tokenCallerOf(token) }
  })
  if (!caller.isRotated) deps.usage.used(caller, now, origin.address)
  else if (!origin.acceptsRotated) throw unauthenticated('ROTATED')
  return caller
}

/** A key has one workspace; another one that it names is, for everybody, not there. */
function assertNamedWorkspace(
  named: string | undefined,
  { workspaceId, workspaceSlug }: PresentedCredential,
): void {
  if (named !== undefined && named !== workspaceId && named !== workspaceSlug)
    throw new RequestError('WORKSPACE_NOT_FOUND', 'There is no such workspace.')
}
