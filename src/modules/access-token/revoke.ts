import { type Caller, isKeyItself, type Principal } from '../../auth/caller.ts'
import { holds } from '../../auth/policy.ts'
import { forbidden, userError } from '../../errors.ts'
import type { AccessToken, ApiKey } from '../../generated/prisma/client.ts'
import type { ServiceContext } from '../../service-context.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { findKeyForUpdate, noSuchKey } from '../api-key/find-key-for-update.ts'
import { assertMayTouchOwnersThings } from '../member/role-grants.ts'
import { tokensSeen } from './access-token.visibility.ts'
import { revokeTokens } from './revoke-tokens.ts'

export interface RevokeAccessTokenInput {
  readonly id?: string | null | undefined
}

const isItsOwn = (caller: Caller, token: AccessToken): boolean =>
  isKeyItself(caller, token.keyId) ||
  (caller.kind === 'ACCESS_TOKEN' && caller.tokenId === token.id)

/**
 * The token that the caller may revoke: their own, or one that they see, by tokens:delete. Who has
 * no such permission is told the same of every other id.
 *
 * @throws RequestError FORBIDDEN without it, and for an OWNER's token without members:own;
 *   UserInputError NOT_FOUND
 */
async function tokenToRevoke(
  c: CallerTransaction,
  id: string,
): Promise<AccessToken & { readonly key: ApiKey }> {
  const { caller, db } = c
  const [seen] = await tokensSeen(db, caller, [id])
  const where = { workspaceId: c.workspace.id, id: seen ?? '' }
  const token = await db.accessToken.findFirst({ where, include: { key: true } })
  if (token !== null && isItsOwn(caller, token)) return token
  if (!holds(caller.rights, 'tokens:delete')) throw forbidden(['tokens:delete'], ['tokens:delete'])
  if (token === null) throw userError('NOT_FOUND', ['input', 'id'], 'There is no such token.')
  const { role } = await db.member.findUniqueOrThrow({
    where: { workspaceId_userId: { workspaceId: c.workspace.id, userId: token.key.ownerId } },
  })
  assertMayTouchOwnersThings(caller, { userId: token.key.ownerId, role })
  return token
}

/**
 * Revokes one token for good; its key and its other tokens stay. With one that has been replaced goes
 * its whole family: whoever replaced it has what it gave.
 */
export const revokeAccessToken = (
  context: ServiceContext,
  input: RevokeAccessTokenInput,
): Promise<AccessToken> =>
  inWorkspaceTransaction(context, { permission: () => null }, async (c) => {
    const id = input.id ?? (c.caller.kind === 'ACCESS_TOKEN' ? c.caller.tokenId : undefined)
    if (id === undefined)
      throw userError('INVALID', ['input', 'id'], 'Name the token: the caller is none.')
    const token = await tokenToRevoke(c, id)
    const count = await revokeTokens(
      c,
      token.rotatedAt === null ? { id: token.id } : { familyId: token.familyId },
    )
    if (count === 0) return token
    c.record({
      action: 'access_token.revoked',
      targetId: token.id,
      targetName: token.key.name,
      changes: [{ field: 'revokedTokenCount', before: 0, after: count }],
    })
    return c.db.accessToken.findUniqueOrThrow({
      where: { workspaceId_id: { workspaceId: c.workspace.id, id } },
    })
  })

export interface RevokeAccessTokensInput {
  readonly apiKeyId: string
}

/** Whether a key asks for the end of its own tokens, which takes no permission. */
export const revokesItsOwn = (principal: Principal, { apiKeyId }: RevokeAccessTokensInput) =>
  isKeyItself(principal, apiKeyId)

/** Revokes every live token of a key, and tells how many they were. The key stays. */
export const revokeAccessTokens = (
  context: ServiceContext,
  input: RevokeAccessTokensInput,
): Promise<number> => {
  const permission = (caller: Caller) => (revokesItsOwn(caller, input) ? null : 'tokens:delete')
  return inWorkspaceTransaction(context, { permission }, async (c) => {
    const path = ['input', 'apiKeyId']
    // Another key is named, and not only its tokens: that takes reading it.
    if (c.caller.key?.id !== input.apiKeyId && !holds(c.caller.rights, 'keys:read'))
      throw noSuchKey(path)
    const key = await findKeyForUpdate(c, input.apiKeyId, path)
    const count = await revokeTokens(c, { keyId: { in: [key.id] } })
    if (count > 0)
      c.record({
        action: 'api_key.access_tokens_revoked',
        targetId: key.id,
        targetName: key.name,
        changes: [{ field: 'revokedTokenCount', before: 0, after: count }],
      })
    return count
  })
}
