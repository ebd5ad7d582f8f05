import {
  credentialIdsOf,
  type KeyCaller,
  type KeyWithoutWorkspace,
  type TokenCaller,
} from '../../auth/caller.ts'
import { type PresentedCredential, rejectionReason } from '../../auth/credential-state.ts'
import {
  type CallerByKey,
  isInWorkspace,
  type Presentation,
  type ResolvedCredential,
  resolveAnyKey,
  resolveCredential,
  resolveFromAnyIssuer,
  resolveKey,
  unlessKnown,
} from '../../auth/resolve-credential.ts'
import type { Deps } from '../../deps.ts'
import { noSuchWorkspace, unauthenticated } from '../../errors.ts'
import { type Awaitable, whenKnown } from '../../when-known.ts'
import { recordFirstUse } from '../api-key/first-use.ts'

/** One request, as far as it matters to who it is from. */
export interface Origin extends Presentation {
  readonly requestId: string
  /** Whether a replaced token makes a caller, one without rights; absent: it is refused. */
  readonly acceptsRotated?: boolean
}

/**
 * The caller that an API key or access token of this installation makes, wherever it was presented.
 * No other issuer is asked, nobody signs in, and a user-level key is not known.
 *
 * @throws RequestError UNAUTHENTICATED with the reason, WORKSPACE_NOT_FOUND for a workspace that is
 *   not the credential's, SERVICE_UNAVAILABLE when it cannot be known
 */
export async function authenticateCredential(
  deps: Deps,
  secret: string,
  origin: Omit<Origin, 'acceptsUserLevel'>,
): Promise<KeyCaller | TokenCaller> {
  return authenticate(deps, await resolveCredential(deps, secret, origin), origin)
}

/** The same for a credential that may be another issuer's, who is named then, or a user-level key. */
export const authenticateFromAnyIssuer = (
  deps: Deps,
  secret: string,
  origin: Origin,
): Awaitable<CallerByKey | { readonly issuer: string }> =>
  whenKnown(
    resolveFromAnyIssuer(deps, secret, origin),
    (resolved): Awaitable<CallerByKey | { readonly issuer: string }> => {
      if ('issuer' in resolved) return resolved
      return isInWorkspace(resolved) ? authenticate(deps, resolved, origin) : resolved.caller
    },
  )

/** The same for an API key of one workspace; anything else is malformed, or not known. */
export const authenticateKey = async (
  deps: Deps,
  secret: string,
  origin: Omit<Origin, 'acceptsUserLevel'>,
): Promise<KeyCaller> => authenticate(deps, await resolveKey(deps, secret, origin), origin)

/** The same for any API key: a user-level one that may be in several workspaces is in none. */
export async function authenticateAnyKey(
  deps: Deps,
  secret: string,
  origin: Omit<Origin, 'acceptsUserLevel'>,
): Promise<KeyCaller | KeyWithoutWorkspace> {
  const resolved = await resolveAnyKey(deps, secret, { ...origin, acceptsUserLevel: true })
  return isInWorkspace(resolved) ? await authenticate(deps, resolved, origin) : resolved.caller
}

function authenticate<Caller extends KeyCaller | TokenCaller>(
  deps: Deps,
  resolved: ResolvedCredential<Caller>,
  origin: Origin,
): Awaitable<Caller> {
  const { caller, refusal } = resolved
  if (refusal !== undefined && !mayRotate(resolved, origin))
    throw unauthenticated(refusal, credentialIdsOf(caller))
  assertNamedWorkspace(origin.workspace, resolved.credential)
  return recordUse(deps, resolved, origin)
}

/** A replaced token is let in for nothing but a rotation, which tells whether it was stolen. */
const mayRotate = (
  { caller, credential, now }: ResolvedCredential,
  { address, acceptsRotated }: Origin,
): boolean =>
  acceptsRotated === true &&
  caller.kind === 'ACCESS_TOKEN' &&
  rejectionReason({ ...credential, replacedAt: null }, now, address) === undefined

// It must be read again once its first use is recorded, which may end the secret before it.
const isFirstUse = (credential: PresentedCredential): boolean =>
  'isFirstUse' in credential && credential.isFirstUse

/**
 * Counts an accepted credential as used, here and now: it is remembered, and the first use of a new
 * secret is recorded before it is served. A user-level key is read each time: what its secret
 * makes depends on the request.
 */
export function recordUse<Caller extends KeyCaller | TokenCaller>(
  deps: Deps,
  { caller, credential, remember, now }: ResolvedCredential<Caller>,
  origin: Pick<Origin, 'address' | 'requestId'>,
): Awaitable<Caller> {
  if (!isFirstUse(credential) && !credential.userLevel) remember?.()
  if (caller.kind === 'ACCESS_TOKEN' && caller.isRotated) return caller
  const recorded =
    caller.kind === 'API_KEY' && isFirstUse(credential)
      ? recordFirstUse({ deps, caller, ...origin }).catch(unlessKnown)
      : undefined
  return whenKnown<unknown, Caller>(recorded, () => {
    deps.usage.used(caller, now, origin.address)
    return caller
  })
}

/** A key has one workspace; another one that it names is, for everybody, not there. */
function assertNamedWorkspace(
  named: string | undefined,
  { workspaceId, workspaceSlug }: PresentedCredential,
): void {
  if (named !== undefined && named !== workspaceId && named !== workspaceSlug)
    throw noSuchWorkspace()
}
