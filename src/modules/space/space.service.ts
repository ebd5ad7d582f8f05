import { isPerSpace, permissionNames } from '../../auth/permissions.ts'
import { holdsIn } from '../../auth/policy.ts'
import { ceilings, reachesAllSpaces, roles } from '../../auth/roles.ts'
import { forbidden, userError } from '../../errors.ts'
import type { Space } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { type Given, readInput } from '../../input/read-input.ts'
import { nameKey } from '../../input/text.ts'
import type { ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { assertUnbounded } from '../member/role-grants.ts'
import { createSpaceInput, updateSpaceInput } from './space.input.ts'
import { visibleSpacesOf } from './space.visibility.ts'

/**
 * The space, seen by the caller, in which they hold the permission.
 *
 * @throws UserInputError NOT_FOUND when they do not see it, RequestError FORBIDDEN when they see it only
 */
export async function spaceToChange(
  { db, caller }: CallerTransaction,
  id: string,
  permission: 'spaces:update' | 'spaces:delete',
  path: readonly string[],
): Promise<Space> {
  const space = await db.space.findFirst({ where: visibleSpacesOf(caller, [id]) })
  if (space === null) throw userError('NOT_FOUND', path, 'There is no such space.')
  if (!holdsIn(caller.rights, permission, id)) throw forbidden([permission], [permission])
  return space
}

async function assertNameFree(
  { db, caller, workspace }: CallerTransaction,
  name: string,
  except: string | null,
): Promise<void> {
  const taken = await db.space.findUnique({
    where: { workspaceId_nameKey: { workspaceId: workspace.id, nameKey: nameKey(name) } },
  })
  if (taken === null || taken.id === except) return
  throw holdsIn(caller.rights, 'spaces:read', taken.id)
    ? userError('NAME_TAKEN', ['input', 'name'], 'A space of this name exists.')
    : userError('INVALID', ['input', 'name'], 'Choose another name.')
}

/** A new space; restricted unless it is said to be open. */
export function createSpace(
  context: ServiceContext,
  input: Given<typeof createSpaceInput>,
): Promise<Space> {
  const { name, description, visibility: given } = readInput(createSpaceInput, input)
  const visibility = given ?? 'RESTRICTED'
  return inWorkspaceTransaction(context, { permission: 'spaces:create' }, async (c) => {
    if (!c.caller.rights.allSpaces) throw forbidden(['spaces:create'], [], 'This needs all spaces.')
    // Agents could be moved into it at once: it is the same as opening one that is there.
    if (visibility === 'OPEN') assertUnbounded(c.caller, ['input', 'visibility'])
    await assertNameFree(c, name, null)
    const shown = { name, description, visibility }
    const space = await c.db.space.create({
      data: {
        ...shown,
        workspaceId: c.workspace.id,
        id: newId('spc'),
        nameKey: nameKey(name),
        createdAt: c.now,
        updatedAt: c.now,
      },
    })
    const changes = changesBetween({}, shown)
    c.record({ action: 'space.created', targetId: space.id, targetName: name, changes })
    return space
  })
}

/** What a role without all spaces gains in a space that opens. */
const gainedByOpening = permissionNames.filter(
  (name) =>
    isPerSpace(name) && roles.some((role) => !reachesAllSpaces(role) && ceilings[role].has(name)),
)

/** Opening a space lets every member in: it takes what they gain there, as adding each would. */
function assertMayOpen({ caller }: CallerTransaction, spaceId: string): void {
  const path = ['input', 'visibility']
  assertUnbounded(caller, path)
  const missing = gainedByOpening.filter((name) => !holdsIn(caller.rights, name, spaceId))
  if (missing.length > 0)
    throw userError(
      'PERMISSION_NOT_GRANTABLE',
      path,
      `Opening a space gives its members ${missing.join(', ')} there, which you do not hold.`,
    )
}

/** Changes a space in which the caller holds spaces:update. Absent fields stay. */
export function updateSpace(
  context: ServiceContext,
  input: Given<typeof updateSpaceInput>,
): Promise<Space> {
  const { id, ...fields } = readInput(updateSpaceInput, input)
  return inWorkspaceTransaction(context, { permission: 'spaces:update' }, async (c) => {
    const space = await spaceToChange(c, id, 'spaces:update', ['input', 'id'])
    if (fields.name !== undefined) await assertNameFree(c, fields.name, space.id)
    const { name, description, visibility } = { ...space, ...fields }
    const shown = { name, description, visibility }
    const changes = changesBetween<typeof shown>(space, shown)
    if (changes.length === 0) return space
    if (space.visibility === 'RESTRICTED' && shown.visibility === 'OPEN') assertMayOpen(c, space.id)
    c.record({ action: 'space.updated', targetId: space.id, targetName: space.name, changes })
    return c.db.space.update({
      where: { workspaceId_id: { workspaceId: c.workspace.id, id: space.id } },
      data: { ...shown, nameKey: nameKey(shown.name), updatedAt: c.now },
    })
  })
}

/**
 * Deletes a space and, with it, every grant and membership of it. Agents keep it among what they
 * require, so that none comes within reach of who did not reach it before.
 */
export function deleteSpace(
  context: ServiceContext,
  input: { readonly id: string },
): Promise<string> {
  return inWorkspaceTransaction(context, { permission: 'spaces:delete' }, async (c) => {
    const space = await spaceToChange(c, input.id, 'spaces:delete', ['input', 'id'])
    const its = { workspaceId: c.workspace.id, spaceId: space.id }
    const grants = await c.db.spaceGrant.findMany({ where: its, select: { keyId: true } })
    const members = await c.db.spaceMember.findMany({ where: its, select: { memberId: true } })
    await c.db.spaceGrant.deleteMany({ where: its })
    await c.db.spaceMember.deleteMany({ where: its })
    await c.db.space.update({
      where: { workspaceId_id: { workspaceId: c.workspace.id, id: space.id } },
      data: { deletedAt: c.now, nameKey: null },
    })
    const taken = {
      grantedApiKeys: grants.map(({ keyId }) => keyId),
      members: members.map(({ memberId }) => memberId),
    }
    c.record({
      action: 'space.deleted',
      targetId: space.id,
      targetName: space.name,
      changes: Object.entries(taken).map(([field, before]) => ({ field, before, after: [] })),
    })
    return space.id
  })
}
