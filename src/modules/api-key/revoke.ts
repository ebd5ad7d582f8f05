import { type Caller, isKeyItself, type Principal } from '../../auth/caller.ts'
import { findKeyRecords, type KeyRecord } from '../../auth/key-record.ts'
import { untilAllLocked } from '../../db/all-locked.ts'
import { type CallerChange, change, type Work } from '../../db/change.ts'
import { forbidden } from '../../errors.ts'
import { InputProblems } from '../../input/problems.ts'
import { textInput } from '../../input/text.ts'
import type { ServiceContext } from '../../service-context.ts'
import { assertMayTouchOwnersThings } from '../member/role-grants.ts'
import type { ApiKeyRow } from './api-key.queries.ts'
import { endKeys } from './end-keys.ts'
import { isWithinKeyRole, keyToChange, readKey } from './key-to-change.ts'
import {
  endEverywhere,
  otherWorkspacesOf,
  revokesEverywhere,
} from './user-level/revoke-everywhere.ts'

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
 * made here, and theirs, in one transaction. What was revoked before keeps its time, actor and reason.
 * A user-level key that revokes itself, or whose owner does by signing in, ends in every workspace.
 */
export async function revokeApiKey(
  context: ServiceContext,
  input: RevokeApiKeyInput,
): Promise<RevokedKeys> {
  const problems = new InputProblems()
  const reason = textInput(problems, ['reason'], input.reason, maxReason)
  problems.throwIfAny()
  const permission = (caller: Caller) => (revokesItself(caller, input) ? null : 'keys:delete')
  const revokeIn: Work<CallerChange, RevokedKeys> = async (c, others) => {
    const revocation = { revokedById: c.caller.user.id, reason }
    const key = await keyToChange(c, input.id)
    const isEverywhere = revokesEverywhere(c.caller, key)
    const created = input.includeCreated ? await findCreated(c, key.id) : []
    const keys = [...(isEverywhere ? [] : [key]), ...created]
    const live = keys.filter(({ revokedAt }) => revokedAt === null)
    for (const record of live) assertMayRevoke(c, record)
    const ended = isEverywhere ? await endEverywhere([c, ...others], key, revocation) : 0
    await endKeys(c, live, revocation)
    return { apiKey: await readKey(c, key.id), revokedCount: live.length + Math.min(ended, 1) }
  }
  return await untilAllLocked(
    () => otherWorkspacesOf(context, input.id),
    (others) => change(context, { permission, others }, revokeIn),
  )
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
