import type { Caller } from '../../auth/caller.ts'
import { effectiveExpiry } from '../../auth/key-record.ts'
import { holds } from '../../auth/policy.ts'
import { type UserError, UserInputError } from '../../errors.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { nameKey } from '../../input/text.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { isVisibleKey } from './api-key.visibility.ts'

/** A change on behalf of a caller, or of the operator, who sees everything. */
export type KeyChange = WorkspaceTransaction & { readonly caller?: Caller | null }

/** Whether the caller sees the key `k` and may read it. */
export const isReadableKey = (caller: Caller | null | undefined): Prisma.Sql => {
  if (!caller) return Prisma.sql`TRUE`
  return holds(caller.rights, 'keys:read') ? isVisibleKey(caller) : Prisma.sql`FALSE`
}

/**
 * What is told of a name that a live key of the owner has. Of one that the caller may not read no more
 * than that another name has to be found.
 */
export const nameTaken = ({
  isReadable,
}: {
  readonly isReadable: boolean
}): Omit<UserError, 'path'> =>
  isReadable
    ? { code: 'NAME_TAKEN', message: 'The owner has a live key of this name.' }
    : { code: 'INVALID', message: 'Choose another name for the key.' }

/**
 * Frees a name among the owner's live keys for one of them. An expired key that has it keeps showing
 * it, but no longer holds it.
 *
 * @returns the live key that has the name, if there is one
 */
export async function freeKeyName(
  { db, workspace, caller }: KeyChange,
  ownerId: string,
  name: string,
  keyId: string,
): Promise<{ readonly isReadable: boolean } | undefined> {
  const holders = await db.$queryRaw<{ id: string; isExpired: boolean; isReadable: boolean }[]>`
    SELECT k.id, coalesce(${effectiveExpiry} <= clock_timestamp(), FALSE) AS "isExpired",
           (${isReadableKey(caller)}) AS "isReadable"
      FROM "ApiKey" k JOIN "Workspace" w ON w.id = k."workspaceId"
     WHERE k."workspaceId" = ${workspace.id} AND k."ownerId" = ${ownerId}
       AND k."nameKey" = ${nameKey(name)} AND k.id <> ${keyId}`
  const live = holders.find(({ isExpired }) => !isExpired)
  if (live !== undefined) return live
  for (const { id } of holders)
    await db.apiKey.update({
      where: { workspaceId_id: { workspaceId: workspace.id, id } },
      data: { nameKey: null },
    })
  return undefined
}

/**
 * Takes a name among the owner's live keys.
 *
 * @throws UserInputError when a live key of the owner has it: NAME_TAKEN, or INVALID where the caller
 *   may not read that key
 */
export async function takeKeyName(
  c: KeyChange,
  ownerId: string,
  name: string,
  keyId: string,
  path: readonly string[],
): Promise<void> {
  const holder = await freeKeyName(c, ownerId, name, keyId)
  if (holder !== undefined) throw new UserInputError([{ ...nameTaken(holder), path }])
}
