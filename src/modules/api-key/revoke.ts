import { type Caller, isKeyItself, type Principal } from '../../auth/caller.ts'
import type { ApiKey } from '../../generated/prisma/client.ts'
import { type Given, readInput } from '../../input/read-input.ts'
import type { OperatorContext, ServiceContext } from '../../service-context.ts'
import { retryWithLocks } from '../../transactions/retry-with-locks.ts'
import {
  type ActorTransaction,
  inTransactionOf,
  type Work,
} from '../../transactions/workspace-transaction.ts'
import {
  otherWorkspacesOf,
  revokeEverywhere,
  revokesEverywhere,
} from '../legacy-import/revoke-everywhere.ts'
import { revokeApiKeyInput } from './api-key.input.ts'
import { findKeyForUpdate, getKey } from './find-key-for-update.ts'
import { revokeDescendants } from './revoke-descendants.ts'
import { revokeLiveKeys } from './revoke-keys.ts'

type RevokeApiKeyInput = Given<typeof revokeApiKeyInput>

/** Whether a key asks for its own end and nothing else, which takes no permission. */
export const revokesItself = (principal: Principal, input: RevokeApiKeyInput): boolean =>
  isKeyItself(principal, input.id) && !input.includeCreated

export interface RevokedKeys {
  readonly apiKey: ApiKey
  /** How many keys this revoked: none when they were revoked before. */
  readonly revokedCount: number
}

/**
 * Revokes a key for good, with its previous secret and its tokens, and with `includeCreated` every key that it
 * made or was given the present secret of, and theirs, in one transaction. What was revoked before keeps its time, actor and reason.
 * A user-level key that revokes itself, or whose owner does by signing in, ends in every workspace,
 * and what it made in those that its owner is in; by the operator, as by an admin, in the workspace alone.
 */
export async function revokeApiKey(
  context: ServiceContext | OperatorContext,
  input: RevokeApiKeyInput,
): Promise<RevokedKeys> {
  const { reason } = readInput(revokeApiKeyInput, input)
  const permission = (caller: Caller) => (revokesItself(caller, input) ? null : 'keys:delete')
  const includeCreated = input.includeCreated ?? false
  const options = { includeCreated, address: context.address }
  const revokeIn: Work<ActorTransaction, RevokedKeys> = async (c, others) => {
    const { caller } = c
    const revocation = { revokedById: caller?.user.id ?? null, reason }
    const key = await findKeyForUpdate(c, input.id)
    const isEverywhere = caller !== null && revokesEverywhere(caller, key)
    const here = isEverywhere ? [] : await revokeLiveKeys(c, caller, [key], revocation)
    let revokedCount = isEverywhere
      ? await revokeEverywhere({ ...c, caller }, others, key, revocation, options)
      : here.length
    if (includeCreated)
      revokedCount += await revokeDescendants(c, caller, { keyId: key.id }, revocation)
    return { apiKey: here[0] ?? (await getKey(c, key.id)), revokedCount }
  }
  return await retryWithLocks(
    async () =>
      context.caller === null ? [] : await otherWorkspacesOf(context, [input.id], includeCreated),
    (others) => inTransactionOf(context, { permission, others }, revokeIn),
  )
}
