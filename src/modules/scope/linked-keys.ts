import { delegationErrors, isAttenuation } from '../../auth/delegation.ts'
import { findKeyRecords, type KeyRecord } from '../../auth/key-record.ts'
import { expand, missingRequirements } from '../../auth/permissions.ts'
import { declaredBy } from '../../auth/policy.ts'
import { userError } from '../../errors.ts'
import { Prisma, type Scope } from '../../generated/prisma/client.ts'
import type { CallerTransaction } from '../../transactions/workspace-transaction.ts'
import { isVisibleKey, linksTo } from '../api-key/api-key.visibility.ts'
import { formatKeyList, type ListedKey } from '../api-key/format-key-list.ts'
import { isLive, isRevivable } from '../api-key/key-state.ts'
import { beyondReceivers, findBeyondReceivers } from '../api-key/receivers.ts'
import { assertMayTouchOwnersThings } from '../member/role-grants.ts'

type LinkedRow = Pick<LinkedKey, 'isVisible' | 'isLive'> & { readonly id: string }

interface LinkedKey extends ListedKey {
  readonly record: KeyRecord
  readonly isLive: boolean
}

/** The keys linked to the scope that are live or may be again, and whether the caller sees each. */
async function findLinkedKeys(c: CallerTransaction, { id }: Scope): Promise<LinkedKey[]> {
  const rows = await c.db.$queryRaw<LinkedRow[]>`
    SELECT k.id, (${isVisibleKey(c.caller)}) AS "isVisible", ${isLive} AS "isLive"
      FROM "ApiKey" k JOIN "Workspace" w ON w.id = k."workspaceId"
     WHERE k."workspaceId" = ${c.workspace.id} AND ${isRevivable} AND ${linksTo(Prisma.sql`${id}`)}
     ORDER BY k.id`
  const byId = new Map(rows.map((row) => [row.id, row]))
  const records = await findKeyRecords(c.db, c.workspace.id, [...byId.keys()])
  return records.map((record) => {
    const row = byId.get(record.id)
    return { record, isVisible: row?.isVisible === true, isLive: row?.isLive === true }
  })
}

/** @throws UserInputError IN_USE naming the live keys linked to the scope that the caller may read */
export async function assertUnused(c: CallerTransaction, scope: Scope): Promise<void> {
  const keys = (await findLinkedKeys(c, scope)).filter((key) => key.isLive)
  if (keys.length > 0)
    throw userError(
      'IN_USE',
      ['input', 'id'],
      `API keys link to this scope${formatKeyList(c.caller, keys)}`,
    )
}

/**
 * Whether every linked key may become what the scope's new permissions make of it; also one that
 * only the lifetime policy has ended, for the policy can be relaxed.
 *
 * @throws UserInputError IN_USE when one would lack a requirement of what it holds,
 *   PERMISSION_NOT_GRANTABLE when one would grow into what the caller, or who has its secret, may not
 *   grant
 */
export async function assertLinkedKeysAllow(
  c: CallerTransaction,
  scope: Scope,
  permissions: readonly string[],
): Promise<void> {
  const path = ['input', 'permissions']
  const keys = (await findLinkedKeys(c, scope)).map((key) => ({
    ...key,
    terms: {
      ...key.record,
      scopes: key.record.scopes.map((link) =>
        link.id === scope.id ? { ...link, permissions } : link,
      ),
    },
  }))
  for (const { record } of keys)
    assertMayTouchOwnersThings(c.caller, { userId: record.ownerId, role: record.ownerRole })
  const broken = keys.filter(
    ({ isLive, terms }) =>
      isLive && missingRequirements(expand(declaredBy(terms).permissions)).length > 0,
  )
  if (broken.length > 0)
    throw userError(
      'IN_USE',
      path,
      `API keys need what this takes away${formatKeyList(c.caller, broken)}`,
    )
  const growing = keys.filter(({ record, terms }) => !isAttenuation(record, terms))
  const stronger = growing.filter(({ terms }) => delegationErrors(c.caller, terms).length > 0)
  if (stronger.length > 0)
    throw userError(
      'PERMISSION_NOT_GRANTABLE',
      path,
      `API keys would become more than you may grant${formatKeyList(c.caller, stronger)}`,
    )
  // Of one that has ended, the receivers are asked about when it comes back to life.
  const beyond = await findBeyondReceivers(
    c,
    growing.flatMap(({ isLive, record, terms }) => (isLive ? { id: record.id, terms } : [])),
  )
  if (beyond.size > 0)
    throw userError(
      'PERMISSION_NOT_GRANTABLE',
      path,
      beyondReceivers(
        c.caller,
        growing.filter(({ record }) => beyond.has(record.id)),
      ),
    )
}
