import type { Caller } from '../../auth/caller.ts'
import type { ApiKeySecret } from '../../generated/prisma/client.ts'
import type { ActorTransaction } from '../../transactions/workspace-transaction.ts'
import type { WorkingSecret } from './working-secrets.ts'

/** To whom a secret was given, as it is stored with it; all null: to the operator. */
export type Receiver = Pick<
  ApiKeySecret,
  'receiverId' | 'receiverKeyId' | 'receiverTokenId' | 'receiverSecretId'
>

/** The caller, or the operator, as the receiver of a secret that they are given. */
export const receiverOf = (caller: Caller | null): Receiver => ({
  receiverId: caller?.user.id ?? null,
  receiverKeyId: caller?.key?.id ?? null,
  receiverTokenId: caller?.kind === 'ACCESS_TOKEN' ? caller.tokenId : null,
  receiverSecretId: caller?.kind === 'API_KEY' ? caller.originId : null,
})

/**
 * The receiver of a new secret of the key that works by these secrets. A key that asks for its own is
 * nobody else than who has the secret that it presents: they go on with it.
 */
export function receiverOfNewSecret(
  { caller }: ActorTransaction,
  secrets: readonly WorkingSecret[],
): Receiver & Partial<Pick<ApiKeySecret, 'originId'>> {
  if (caller?.kind !== 'API_KEY') return receiverOf(caller)
  const own = secrets.find(({ id }) => id === caller.secretId)
  if (own === undefined) return receiverOf(caller)
  const { receiverId, receiverKeyId, receiverTokenId, receiverSecretId } = own
  return { originId: caller.originId, receiverId, receiverKeyId, receiverTokenId, receiverSecretId }
}
