import type { KeyCaller } from '../../auth/caller.ts'
import { earliest } from '../../auth/key-record.ts'
import { maxFamilySeconds } from '../../auth/token-lifetime.ts'
import { userError } from '../../errors.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { type Given, validateInput } from '../../input/read-input.ts'
import type { ServiceContext } from '../../service-context.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { createAccessTokenInput } from './access-token.input.ts'
import { audienceOf } from './audience.ts'
import { type IssuedToken, issueToken } from './issue.ts'
import { tokenEndInput } from './lifetime-input.ts'
import { isUnexpired } from './revoke-tokens.ts'
import { type NarrowingInput, snapshotInput } from './snapshot-input.ts'

/** How many tokens of one key live at a time. */
const maxLiveTokens = 100

export interface CreateAccessTokenInput
  extends NarrowingInput,
    Given<typeof createAccessTokenInput> {
  readonly expiresInSeconds?: number | null | undefined
}

/** @throws UserInputError WRONG_STATE for whoever is not an ordinary key */
function mintingKey({ caller }: CallerTransaction): KeyCaller {
  if (caller.kind !== 'API_KEY')
    throw userError('WRONG_STATE', ['input'], 'Only an API key mints access tokens, for itself.')
  // Also by the secret that it had before it was migrated.
  if (caller.deprecation !== null)
    throw userError('WRONG_STATE', ['input'], 'A legacy key mints no access tokens: migrate it.')
  return caller
}

/** @throws UserInputError LIMIT_REACHED; counted under the lock, so that many at once cannot overstep */
async function assertBelowTokenLimit({ db, workspace, now }: CallerTransaction, keyId: string) {
  const live = await db.accessToken.count({
    where: {
      workspaceId: workspace.id,
      keyId,
      ...isUnexpired(now),
      revokedAt: null,
      rotatedAt: null,
    },
  })
  if (live >= maxLiveTokens)
    throw userError('LIMIT_REACHED', null, `A key has at most ${maxLiveTokens} live tokens.`)
}

/**
 * A token of the calling key, at most as strong as it is now, and never stronger later. It ends, with
 * all that it is rotated into, no later than the secret that asks for it.
 */
export async function createAccessToken(
  context: ServiceContext,
  input: CreateAccessTokenInput,
): Promise<IssuedToken> {
  const sign = await context.deps.accessTokens.signer()
  // Nothing that was let in before is refused for a new token, nor the other way round.
  return inWorkspaceTransaction(
    context,
    { permission: () => null, keepsAuthorization: true },
    async (c) => {
      const { key, secretId, user, validUntil } = mintingKey(c)
      const problems = new ValidationErrors()
      const snapshot = await snapshotInput(c, problems, input)
      const { publicUrl } = c.deps
      const { audience } = validateInput(problems, createAccessTokenInput, {
        audience: input.audience && audienceOf(input.audience, publicUrl),
      })
      const expiresAt = tokenEndInput(problems, c.now, input.expiresInSeconds, [
        { end: validUntil, name: 'The calling secret' },
      ])
      problems.throwIfAny()
      await assertBelowTokenLimit(c, key.id)
      const familyEnd = new Date(c.now.getTime() + maxFamilySeconds * 1_000)
      const familyExpiresAt = earliest(familyEnd, validUntil) ?? familyEnd
      return issueToken(c, sign, {
        key: { ...key, ownerId: user.id },
        secretId,
        snapshot,
        audience: audience ?? [publicUrl],
        expiresAt,
        familyExpiresAt,
      })
    },
  )
}
