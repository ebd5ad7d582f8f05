import { type Caller, isKeyItself, type Principal } from '../../auth/caller.ts'
import { findKeyRecords, type KeyRecord } from '../../auth/key-record.ts'
import { type CallerChange, change } from '../../db/change.ts'
import { forbidden } from '../../errors.ts'
import { InputProblems } from '../../input/problems.ts'
import { textInput } from '../../input/text.ts'
import type { ServiceContext } from '../../service-context.ts'
import { revokeTokens } from '../access-token/revoke-tokens.ts'
import { assertMayTouchOwnersThings } from '../member/role-grants.ts'
import type { ApiKeyRow } from './api-key.queries.ts'
import { isWithinKeyRole, keyToChange, readKey } from './key-to-change.ts'

const maxReason = 500

export interface RevokeApiKeyInput {
  readonly id: string
  readonly reason?: string | null | undefined
  readonly includeCreated?: boolean | null | undefined
}

/** Whether a key asks for its own end and nothing else, which takes no permission. */
export const revokesItself = (principal: Principal, input: RevokeApiKeyInput): boolean =>
  isKeyItself(principal, input.id) && !input.includeCreated

export interface RevokedKeys {
  readonly apiKey: ApiKeyRow
  /** How many keys this revoked: none when they were revoked before. */
  readonly revokedCount: number
}

/**
 * Revokes a key for good, with its previous secret and its tokens, and with `includeCreated` every key that it
 * made, and theirs, in one transaction. What was revoked before keeps its time, actor and reason.
 */
export function revokeApiKey(
  context: ServiceContext,
  input: RevokeApiKeyInput,
): Promise<RevokedKeys> {
  const problems = new InputProblems()
  const reason = textInput(problems, ['reason'], input.reason, maxReason)
  problems.throwIfAny()
  const permission = (caller: Caller) => (revokesItself(caller, input) ? null : 'keys:delete')
  return change(context, { permission }, async (c) => {
    const key = await keyToChange(c, input.id)
    const created = input.includeCreated ? await findCreated(c, key.id) : []
    const keys = [key, ...created].filter(({ revokedAt }) => revokedAt === null)
    for (const record of keys) assertMayRevoke(c, record)
    await c.db.apiKey.updateMany({
      where: { workspaceId: c.workspace.id, id: { in: keys.map(({ id }) => id) } },
      data: {
        revokedAt: c.now,
        revokedById: c.caller.user.id,
        revocationReason: reason,
        nameKey: null,
        updatedAt: c.now,
      },
    })
    await revokeTokens(c, { keyId: { in: keys.map(({ id }) => id) } })
    for (const { id, name } of keys)
      c.record({
        action: 'api_key.revoked',
        targetId: id,
        targetName: name,
        changes: [{ field: 'revocationReason', before: null, after: reason }],
      })
    return { apiKey: await readKey(c, key.id), revokedCount: keys.length }
  })
}

function assertMayRevoke(c: CallerChange, key: KeyRecord): void {
  assertMayTouchOwnersThings(c.caller, { userId: key.ownerId, role: key.ownerRole })
  if (!isWithinKeyRole(c, key.ownerId)) throw forbidden(['keys:delete'], ['keys:delete'])
}

/** Every key that this one made, and those that they made, and so on. */
async function findCreated(c: CallerChange, keyId: string): Promise<KeyRecord[]> {
  const rows = await c.db.$queryRaw<{ id: string }[]>`
    WITH RECURSIVE made AS (
      SELECT k.id FROM "ApiKey" k
       WHERE k."workspaceId" = ${c.workspace.id} AND k."createdByKeyId" = ${keyId}
      UNION
      SELECT k.id FROM "ApiKey" k JOIN made ON k."createdByKeyId" = made.id
       WHERE k."workspaceId" = ${c.workspace.id})
    SELECT id FROM made ORDER BY id`
  return findKeyRecords(
    c.db,
    c.workspace.id,
    rows.map(({ id }) => id),
  )
}
