import { delegationErrors, type KeySettings } from '../../auth/delegation.ts'
import { findKeyRecords, type KeyRecord } from '../../auth/key-record.ts'
import { onlyOwnKeys } from '../../auth/roles.ts'
import { userError } from '../../errors.ts'
import type { ApiKey, Prisma } from '../../generated/prisma/client.ts'
import { isId } from '../../ids.ts'
import { ValidationErrors } from '../../input/problems.ts'
import type {
  ActorTransaction,
  WorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { assertMayTouchOwnersThings } from '../member/role-grants.ts'
import { isVisibleKey } from './api-key.visibility.ts'

export const noSuchKey = (path: readonly string[]): Error =>
  userError('NOT_FOUND', path, 'There is no such API key.')

/**
 * The key that the caller sees, the operator any, under the workspace's lock.
 *
 * @throws UserInputError NOT_FOUND when they see none of that id; RequestError FORBIDDEN for the key
 *   of an OWNER who is somebody else, without members:own
 */
export async function findKeyForUpdate(
  c: ActorTransaction,
  id: string,
  path: readonly string[] = ['input', 'id'],
): Promise<KeyRecord> {
  const { db, workspace, caller } = c
  const seen = caller === null ? undefined : isVisibleKey(caller)
  const [record] = isId(id) ? await findKeyRecords(db, workspace.id, [id], seen) : []
  if (record === undefined) throw noSuchKey(path)
  const { ownerId: userId, ownerRole: role } = record
  if (caller !== null) assertMayTouchOwnersThings(caller, { userId, role })
  return record
}

/** @throws UserInputError WRONG_STATE for a revoked or an expired key, which change no more */
export function assertLive(key: KeyRecord): void {
  if (key.revokedAt !== null) throw userError('WRONG_STATE', ['input', 'id'], 'The key is revoked.')
  if (key.effectiveExpiresAt !== null && key.now >= key.effectiveExpiresAt)
    throw userError('WRONG_STATE', ['input', 'id'], 'The key has expired.')
}

/**
 * Whether the caller may have the key's secret replaced, as far as secrets of other systems go: a
 * legacy key gets another one by its migration only, and a migrated one none by its legacy secret,
 * which would shut out whoever was given the new one and outlive its own overlap.
 *
 * @throws UserInputError WRONG_STATE
 */
export function assertOrdinary({ caller }: ActorTransaction, { id, legacy }: KeyRecord): void {
  const path = ['input', 'id']
  if (legacy)
    throw userError('WRONG_STATE', path, 'A legacy key gets a new secret by its migration only.')
  if (caller?.kind === 'API_KEY' && caller.key.id === id && caller.deprecation !== null)
    throw userError('WRONG_STATE', path, 'The key was migrated: use the secret that it got then.')
}

/**
 * A new secret is given only for a key of the caller's own user or of a machine user.
 *
 * @throws UserInputError PERMISSION_NOT_GRANTABLE for another human's key
 */
export function assertMayHaveSecretOf(
  { caller }: ActorTransaction,
  { ownerId, ownerKind }: Pick<KeySettings, 'ownerId' | 'ownerKind'>,
  path: readonly string[],
): void {
  if (caller !== null && ownerId !== caller.user.id && ownerKind !== 'MACHINE')
    throw userError(
      'PERMISSION_NOT_GRANTABLE',
      path,
      "Nobody but its owner is given a new secret of a person's key.",
    )
}

/**
 * Notes why the caller may not grant the terms. With `path`, the whole key is at fault: the input
 * that was given has no field for what is wrong with it.
 */
export function validateDelegation(
  { caller }: ActorTransaction,
  problems: ValidationErrors,
  terms: KeySettings,
  path?: readonly string[],
): void {
  for (const { code, field, message } of caller === null ? [] : delegationErrors(caller, terms))
    problems.add(code, path ?? field, message)
}

/** @throws UserInputError when the caller may not grant the key as it is */
export function assertGrantable(c: ActorTransaction, terms: KeySettings): void {
  const problems = new ValidationErrors()
  validateDelegation(c, problems, terms, ['id'])
  problems.throwIfAny()
}

/** The key as it is now, to be shown. */
export const getKey = ({ db, workspace }: WorkspaceTransaction, id: string): Promise<ApiKey> =>
  db.apiKey.findUniqueOrThrow({ where: { workspaceId_id: { workspaceId: workspace.id, id } } })

/** Changes columns of a key, and shows it as it is then. */
export const updateKey = (
  { db, workspace }: WorkspaceTransaction,
  id: string,
  data: Prisma.ApiKeyUncheckedUpdateInput,
): Promise<ApiKey> =>
  db.apiKey.update({ where: { workspaceId_id: { workspaceId: workspace.id, id } }, data })

/** Whether the caller's permissions on keys cover this one: some roles' end at their own. */
export const isWithinKeyRole = (
  { caller }: Pick<ActorTransaction, 'caller'>,
  ownerId: string,
): boolean => caller === null || !onlyOwnKeys(caller.user.role) || ownerId === caller.user.id
