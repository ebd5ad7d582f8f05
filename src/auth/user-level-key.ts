import { noSuchWorkspace, unauthenticated } from '../errors.ts'
import { Prisma, type PrismaClient } from '../generated/prisma/client.ts'
import type { KeyCaller, KeyWithoutWorkspace } from './caller.ts'
import { keyCallerOf, rejectionReason } from './credential-state.ts'
import {
  keyColumns,
  keyJoins,
  liveSpaces,
  type PresentedKey,
  type Queryable,
  type WorkspaceSize,
} from './key-record.ts'

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

/**
 * What the user-level key with a secret of this hash is in the workspace of that id or slug, also
 * where its owner is a member no more; or, where none is named, in each of its owner's workspaces.
 * Those where it has not been revoked come first. One statement, so that rows and epochs agree.
 */
export const findUserLevelKeys = (
  db: Queryable,
  hash: Uint8Array<ArrayBuffer>,
  named: string | undefined,
): Promise<(PresentedKey & WorkspaceSize)[]> => db.$queryRaw<(PresentedKey & WorkspaceSize)[]>`
  SELECT ${keyColumns}, ${liveSpaces}, NULL AS "secretId", NULL AS "originId", NULL::timestamptz AS "replacedAt", TRUE AS "isLegacySecret",
         FALSE AS "isFirstUse"
    FROM "UserLegacyKey" ul
    JOIN "Member" own ON own."userId" = ul."userId"
    JOIN "ApiKey" k ON k."workspaceId" = own."workspaceId" AND k.id = ul.id ${keyJoins}
   WHERE ul.hash = ${hash} AND ${
     named === undefined
       ? Prisma.sql`own."removedAt" IS NULL`
       : Prisma.sql`(w.id = ${named} OR w.slug = ${named})`
   }
   ORDER BY k."revokedAt" IS NOT NULL, k."workspaceId"`

const visitorOf = (key: PresentedKey): KeyWithoutWorkspace => ({
  kind: 'API_KEY',
  workspaceId: null,
  key: { id: key.id, name: key.name },
  user: { id: key.ownerId, kind: key.ownerKind, name: key.ownerName, email: key.ownerEmail },
  deprecation: { since: key.createdAt, sunset: null },
})

/**
 * A user-level legacy key in the workspace that counts: the one that it must be of, the one that the
 * request names, or its owner's only one; where there are several it makes a caller in none.
 * Undefined: there is no such key, or none there.
 *
 * @throws RequestError WORKSPACE_NOT_FOUND for a named one where its owner is not, UNAUTHENTICATED
 *   where there is none that it could be used in, from that address and now
 */
export async function readUserLevelKey(
  prisma: PrismaClient,
  hash: Uint8Array<ArrayBuffer>,
  which: WhichWorkspace & { readonly address: string | undefined },
): Promise<
  | { readonly credential: PresentedKey; readonly caller: KeyCaller | KeyWithoutWorkspace }
  | undefined
> {
  const { workspaceId, address } = which
  if (workspaceId === undefined && !which.acceptsUserLevel) return undefined
  const named = workspaceId ?? which.workspace
  const keys = await findUserLevelKeys(prisma, hash, named)
  const [key, another] = keys
  if (key === undefined) {
    const secret = await prisma.userLegacyKey.findUnique({ where: { hash } })
    if (secret === null || workspaceId !== undefined) return undefined
    if (secret.revokedAt !== null) throw unauthenticated('REVOKED')
    throw named === undefined ? unauthenticated('OWNER_REMOVED') : noSuchWorkspace()
  }
  if (another === undefined) return { credential: key, caller: keyCallerOf(key, hash) }
  // No workspace's rules hold for who is in none: what all of them refuse must not get so far.
  const refusals = keys.map((it) => rejectionReason(it, it.now, address))
  const [refusal] = refusals
  if (refusal !== undefined && !refusals.includes(undefined)) throw unauthenticated(refusal)
  return { credential: key, caller: visitorOf(key) }
}
