import type { SignToken } from '../../auth/access-tokens.ts'
import { cutRights, heldBySpace, workspaceWide } from '../../auth/policy.ts'
import { declaredBySnapshot, type TokenSnapshot } from '../../auth/token-record.ts'
import type { AccessToken } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import type { CallerTransaction } from '../../transactions/workspace-transaction.ts'

/** What a new token is made of, all of it checked. */
export interface NewToken {
  readonly key: { readonly id: string; readonly name: string; readonly ownerId: string }
  readonly snapshot: TokenSnapshot
  readonly audience: readonly string[]
  readonly expiresAt: Date
  /** Of the secret that mints it; of a successor, its predecessor's. */
  readonly secretId: string | null
  /** Of a successor: the chain that it goes on. */
  readonly predecessor?: { readonly id: string; readonly familyId: string }
  /** When the chain that it begins ends; of a successor, its predecessor's. */
  readonly familyExpiresAt: Date
}

/** A token as it is given: shown this once, and stored nowhere. */
export interface IssuedToken {
  readonly accessToken: AccessToken
  readonly token: string
  /** Rounded down: it lives no shorter. */
  readonly expiresInSeconds: number
  /** What it may do in every space of its own; its scope claim. */
  readonly permissions: readonly string[]
}

/** Stores a token, signs it, and records the event. */
export async function issueToken(
  c: CallerTransaction,
  sign: SignToken,
  token: NewToken,
): Promise<IssuedToken> {
  const { key, snapshot, audience, expiresAt, predecessor } = token
  const id = newId('tok')
  const { workspace, now } = c
  const accessToken = {
    workspaceId: workspace.id,
    id,
    keyId: key.id,
    familyId: predecessor?.familyId ?? id,
    familyExpiresAt: token.familyExpiresAt,
    predecessorId: predecessor?.id ?? null,
    permissions: [...snapshot.permissions],
    allSpaces: snapshot.allSpaces,
    spaceIds: [...snapshot.spaceIds],
    narrowings: snapshot.narrowings,
    audience: [...audience],
    createdAt: now,
    expiresAt,
    secretId: token.secretId,
    rotatedAt: null,
    revokedAt: null,
  }
  c.insert('AccessToken', [accessToken])
  const shown = {
    apiKeyId: key.id,
    permissions: snapshot.permissions,
    allSpaces: snapshot.allSpaces,
    spaceIds: snapshot.spaceIds,
    audience,
    expiresAt,
    predecessorId: predecessor?.id ?? null,
  }
  c.record({
    action: predecessor === undefined ? 'access_token.created' : 'access_token.rotated',
    targetId: id,
    targetName: key.name,
    changes: changesBetween({}, shown),
  })
  const rights = cutRights(c.caller.rights, declaredBySnapshot(snapshot))
  const permissions = workspaceWide(rights)
  const jwt = await sign({
    id,
    workspaceId: workspace.id,
    keyId: key.id,
    ownerId: key.ownerId,
    audience,
    scope: permissions.join(' '),
    spaces: heldBySpace(rights),
    issuedAt: now,
    expiresAt,
  })
  const lifetimeMs = expiresAt.getTime() - now.getTime()
  return {
    accessToken,
    token: jwt,
    // What `exp` is after `iat`: both are whole seconds.
    expiresInSeconds: Math.ceil(lifetimeMs / 1_000),
    permissions,
  }
}
