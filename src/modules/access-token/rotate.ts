import type { SignToken } from '../../auth/access-tokens.ts'
import { findToken, type PresentedToken } from '../../auth/token-record.ts'
import { RequestError, unauthenticated, userError } from '../../errors.ts'
import { ValidationErrors } from '../../input/problems.ts'
import type { ServiceContext } from '../../service-context.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { type IssuedToken, issueToken } from './issue.ts'
import { tokenEndInput } from './lifetime-input.ts'
import { isUnexpired, revokeTokens } from './revoke-tokens.ts'

/** A rotation asked for twice within this is a lost response or two tabs, and no theft. */
const mercyMs = 30_000

export interface RotateAccessTokenInput {
  readonly expiresInSeconds?: number | null | undefined
}

/** @throws UserInputError WRONG_STATE for whoever is no access token */
async function callingToken(c: CallerTransaction): Promise<PresentedToken> {
  const { caller } = c
  if (caller.kind !== 'ACCESS_TOKEN')
    throw userError('WRONG_STATE', ['input'], 'Only an access token is rotated, by itself.')
  const token = await findToken(c.db, c.workspace.id, caller.tokenId)
  if (token === undefined) throw new RequestError('INTERNAL_SERVER_ERROR', 'The token is gone.')
  return token
}

/**
 * A successor of the calling token, as strong as it; the token itself ends at once. When one that has
 * ended asks again after the mercy, somebody has a copy: its whole family is revoked.
 *
 * @throws UserInputError CONFLICT within the mercy, RequestError UNAUTHENTICATED REVOKED after it, and
 *   ROTATED where the family has ended already
 */
export async function rotateAccessToken(
  context: ServiceContext,
  input: RotateAccessTokenInput,
): Promise<IssuedToken> {
  const sign = await context.deps.accessTokens.signer()
  const options = { permission: () => null, acceptsRotated: true } as const
  const issued = await inWorkspaceTransaction(context, options, async (c) => {
    const token = await callingToken(c)
    if (token.replacedAt === null) return replace(c, sign, token, input)
    if (!(await isFamilyLive(c, token))) throw unauthenticated('ROTATED')
    if (c.now.getTime() - token.replacedAt.getTime() < mercyMs)
      throw userError('CONFLICT', ['input'], 'This token was rotated already, a moment ago.')
    await revokeFamily(c, token)
    return undefined
  })
  if (issued === undefined) throw unauthenticated('REVOKED')
  return issued
}

/** Whether the chain still has its end: one that nobody can go on with has nothing to protect. */
async function isFamilyLive({ db, workspace, now }: CallerTransaction, token: PresentedToken) {
  const its = { workspaceId: workspace.id, familyId: token.tokenFamilyId }
  const live = { revokedAt: null, rotatedAt: null, ...isUnexpired(now) }
  return (await db.accessToken.findFirst({ where: { ...its, ...live } })) !== null
}

async function replace(
  c: CallerTransaction,
  sign: SignToken,
  token: PresentedToken,
  input: RotateAccessTokenInput,
): Promise<IssuedToken> {
  const problems = new ValidationErrors()
  const expiresAt = tokenEndInput(problems, c.now, input.expiresInSeconds, [
    { end: token.effectiveExpiresAt, name: 'The key' },
    { end: token.tokenSecretEndsAt, name: 'The secret that minted it' },
    { end: token.tokenFamilyExpiresAt, name: 'The chain of rotations' },
  ])
  problems.throwIfAny()
  await c.db.accessToken.update({
    where: { workspaceId_id: { workspaceId: c.workspace.id, id: token.tokenId } },
    data: { rotatedAt: c.now },
  })
  return issueToken(c, sign, {
    key: token,
    snapshot: token.tokenSnapshot,
    audience: token.tokenAudience,
    expiresAt,
    secretId: token.tokenSecretId,
    familyExpiresAt: token.tokenFamilyExpiresAt,
    predecessor: { id: token.tokenId, familyId: token.tokenFamilyId },
  })
}

async function revokeFamily(c: CallerTransaction, token: PresentedToken): Promise<void> {
  const count = await revokeTokens(c, { familyId: token.tokenFamilyId })
  c.record({
    action: 'access_token.reuse_detected',
    targetId: token.tokenId,
    targetName: token.name,
    changes: [
      { field: 'familyId', before: token.tokenFamilyId, after: token.tokenFamilyId },
      { field: 'revokedTokenCount', before: 0, after: count },
    ],
  })
}
