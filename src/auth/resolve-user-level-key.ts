import type { Deps } from '../deps.ts'
import { RequestError, unauthenticated } from '../errors.ts'
import type { KeyCaller, KeyWithoutWorkspace } from './caller.ts'
import { keyCallerOf, rejectionReason } from './credential-state.ts'
import type { PresentedKey } from './key-record.ts'
import { findUserLevelKeys, findUserLevelSecret } from './user-level-key.ts'

/** Which workspace a credential is presented in. */
export interface WhichWorkspace {
  /** The id of the one that it must be of; absent: whichever. Of another one it is not known. */
  readonly workspaceId?: string
  /** The one that the request names, by id or slug. */
  readonly workspace?: string | undefined
  /**
   * Whether a user-level key, which is of no single workspace, is one that the request may name a
   * workspace to; absent: without `workspaceId` such a key is not known.
   */
  readonly acceptsUserLevel?: boolean
}

/** What a user-level key makes of a request: a caller in one workspace, or one who has to name it. */
export interface FoundUserLevel {
  readonly credential: PresentedKey
  readonly caller: KeyCaller | KeyWithoutWorkspace
}

/** For a workspace where a credential is not, whether there is one of that name or not. */
export const noSuchWorkspace = (): RequestError =>
  new RequestError('WORKSPACE_NOT_FOUND', 'There is no such workspace.')

const visitorOf = (key: PresentedKey): KeyWithoutWorkspace => ({
  kind: 'API_KEY',
  workspaceId: null,
  key: { id: key.id, name: key.name },
  user: { id: key.ownerId, kind: key.ownerKind, name: key.ownerName, email: key.ownerEmail },
  deprecation: { since: key.createdAt, sunset: null },
})

/**
 * A user-level legacy key in the workspace that counts: the one that it must be of, the one that the
 * request names, or its owner's only one. Undefined: there is no such key, or none there.
 *
 * @throws RequestError WORKSPACE_NOT_FOUND for a named one where its owner is not, UNAUTHENTICATED
 *   where there is none that it could be used in, from that address and now
 */
export async function resolveUserLevelKey(
  { prisma }: Deps,
  hash: Uint8Array<ArrayBuffer>,
  {
    workspaceId,
    workspace,
    acceptsUserLevel = false,
    address,
  }: WhichWorkspace & { readonly address: string | undefined },
): Promise<FoundUserLevel | undefined> {
  if (workspaceId === undefined && !acceptsUserLevel) return undefined
  const named = workspaceId ?? workspace
  const keys = await findUserLevelKeys(prisma, hash, named)
  const [key, another] = keys
  if (key === undefined) {
    const secret = await findUserLevelSecret(prisma, hash)
    if (secret === undefined || workspaceId !== undefined) return undefined
    if (secret.isRevoked) throw unauthenticated('REVOKED')
    throw named === undefined ? unauthenticated('OWNER_REMOVED') : noSuchWorkspace()
  }
  if (another === undefined) return { credential: key, caller: keyCallerOf(key, hash) }
  // No workspace's rules hold for who is in none: what all of them refuse must not get so far.
  const refusals = keys.map((it) => rejectionReason(it, it.now, address))
  const [refusal] = refusals
  if (refusal !== undefined && !refusals.includes(undefined)) throw unauthenticated(refusal)
  return { credential: key, caller: visitorOf(key) }
}
