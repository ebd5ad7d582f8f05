import { noSuchWorkspace, unauthenticated } from '../errors.ts'
import type { Caller, HumanCaller, KeyCaller, TokenCaller } from './caller.ts'
import { assertUsable, keyCallerOf, rejectionReason, tokenCallerOf } from './credential-state.ts'
import { findMemberships, humanCaller } from './human-record.ts'
import { findKeyByHash, type Queryable } from './key-record.ts'
import { findToken } from './token-record.ts'
import { findUserLevelKeys } from './user-level-key.ts'

/** A transaction that holds the caller's workspace's lock. */
interface Locked {
  readonly db: Queryable
  readonly workspace: { readonly epoch: bigint }
  readonly now: Date
}

/**
 * The caller as they stand under the lock: read again when anything was changed or ended since they
 * were authenticated.
 *
 * @throws RequestError UNAUTHENTICATED, or WORKSPACE_NOT_FOUND for a person who is a member no more
 */
export async function reloadCaller(
  { db, workspace, now }: Locked,
  caller: Caller,
  address: string | undefined,
): Promise<Caller> {
  const { epoch, validUntil } = caller
  if (epoch === workspace.epoch && (validUntil === null || now < validUntil)) return caller
  if (caller.kind === 'API_KEY') return await reloadKey(db, caller, address)
  if (caller.kind === 'ACCESS_TOKEN') return await reloadToken(db, caller, address)
  return await reloadHuman(db, caller, now)
}

/**
 * What a person's credential, their sign-in or a user-level key of theirs, makes in another workspace,
 * whose lock is held. Undefined: it is not accepted there.
 */
export async function callerElsewhere(
  db: Queryable,
  caller: HumanCaller | KeyCaller,
  workspaceId: string,
  address: string | undefined,
): Promise<Caller | undefined> {
  if (caller.kind === 'HUMAN') {
    const [membership] = await findMemberships(db, caller.user.id, workspaceId)
    return membership && humanCaller(membership, caller.signIn)
  }
  if (!caller.isUserLevel) return undefined
  const [key] = await findUserLevelKeys(db, caller.credentialHash, workspaceId)
  if (key === undefined || rejectionReason(key, key.now, address) !== undefined) return undefined
  return keyCallerOf(key, caller.credentialHash)
}

async function reloadKey(
  db: Queryable,
  { credentialHash, isUserLevel, workspaceId }: KeyCaller,
  address: string | undefined,
): Promise<Caller> {
  const key = isUserLevel
    ? (await findUserLevelKeys(db, credentialHash, workspaceId))[0]
    : await findKeyByHash(db, credentialHash)
  if (key === undefined) throw unauthenticated('UNKNOWN')
  assertUsable(key, key.now, address)
  return keyCallerOf(key, credentialHash)
}

/** A token that has been replaced is there still, without rights: what it asks for tells what follows. */
async function reloadToken(
  db: Queryable,
  { workspaceId, tokenId }: TokenCaller,
  address: string | undefined,
): Promise<Caller> {
  const token = await findToken(db, workspaceId, tokenId)
  if (token === undefined) throw unauthenticated('UNKNOWN')
  const reason = rejectionReason({ ...token, replacedAt: null }, token.now, address)
  if (reason !== undefined) throw unauthenticated(reason)
  return tokenCallerOf(token)
}

async function reloadHuman(
  db: Queryable,
  { user, workspaceId, signIn }: HumanCaller,
  now: Date,
): Promise<Caller> {
  if (now >= signIn.expiresAt) throw unauthenticated('EXPIRED')
  const [membership] = await findMemberships(db, user.id, workspaceId)
  if (membership === undefined) throw noSuchWorkspace()
  return humanCaller(membership, signIn)
}
