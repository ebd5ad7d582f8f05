import {
  type AccessLevel,
  clashesWithLevel,
  joinLevel,
  withLevel,
} from '../../auth/access-level.ts'
import { aliases, covers, expand } from '../../auth/permissions.ts'
import { holds } from '../../auth/policy.ts'
import { hasId } from '../../db/where.ts'
import { userError } from '../../errors.ts'
import type { Scope } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { permissionNamesInput, validateRequirements } from '../../input/permission-list.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { type Given, validateInput } from '../../input/read-input.ts'
import { nameKey } from '../../input/text.ts'
import type { ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { assertLinkedKeysAllow, assertUnused } from './linked-keys.ts'
import { createScopeInput, updateScopeInput } from './scope.input.ts'
import { visibleScopes } from './scope.visibility.ts'

/** The permissions that `names` and a level make together, by the rule of a create or an update. */
function permissionsInput(
  problems: ValidationErrors,
  names: readonly string[],
  level: AccessLevel | null | undefined,
  combine: typeof joinLevel,
): string[] {
  const permissions = permissionNamesInput(problems, ['permissions'], names)
  if (level === null || level === undefined) return permissions
  if (level === 'CUSTOM') {
    problems.add(
      'INVALID',
      ['agentAccess'],
      'CUSTOM is what other mixes are called; it gives none.',
    )
    return permissions
  }
  const alias = permissions.find(clashesWithLevel)
  if (alias !== undefined)
    problems.add('INVALID', ['agentAccess'], `${alias} covers agents: no level fits beside it.`)
  return combine(permissions, level)
}

/** Whether the lists name the same, in whatever order. */
const areSameNames = (a: readonly string[], b: readonly string[]): boolean =>
  new Set(a).symmetricDifference(new Set(b)).size === 0

/**
 * A scope can be given only what its author holds; what it has already may stay, an alias also as
 * some of what it covers. What the list does not name came with the level.
 */
function validateHeld(
  { caller }: CallerTransaction,
  problems: ValidationErrors,
  names: readonly string[],
  given: readonly string[] | null | undefined,
  present: readonly string[] = [],
): void {
  const there = expand(present)
  const byLevel: string[] = []
  const note = (path: readonly (string | number)[], missing: readonly string[]): void =>
    problems.add('PERMISSION_NOT_GRANTABLE', path, `You do not hold ${missing.join(', ')}.`)
  for (const name of names) {
    if (present.includes(name)) continue
    const missing = covers(name).filter(
      (it) => !holds(caller.rights, it) && (aliases.has(name) || !there.has(it)),
    )
    const index = given?.indexOf(name) ?? -1
    if (index < 0) byLevel.push(...missing)
    else if (missing.length > 0) note(['permissions', index], missing)
  }
  if (byLevel.length > 0) note(['agentAccess'], byLevel)
}

async function assertNameFree(
  { db, workspace, caller }: CallerTransaction,
  name: string,
  except: string | null,
): Promise<void> {
  const taken = await db.scope.findUnique({
    where: { workspaceId_nameKey: { workspaceId: workspace.id, nameKey: nameKey(name) } },
  })
  if (taken === null || taken.id === except) return
  throw holds(caller.rights, 'scopes:read')
    ? userError('NAME_TAKEN', ['input', 'name'], 'A scope of this name exists.')
    : userError('INVALID', ['input', 'name'], 'Choose another name.')
}

/** A new scope of permissions that the caller holds. */
export function createScope(
  context: ServiceContext,
  input: Given<typeof createScopeInput>,
): Promise<Scope> {
  const problems = new ValidationErrors()
  const { name, description } = validateInput(problems, createScopeInput, input)
  const names = input.permissions ?? []
  const permissions = permissionsInput(problems, names, input.agentAccess, joinLevel)
  validateRequirements(problems, ['permissions'], permissions)
  problems.throwIfAny()
  return inWorkspaceTransaction(context, { permission: 'scopes:create' }, async (c) => {
    validateHeld(c, problems, permissions, names)
    problems.throwIfAny()
    await assertNameFree(c, name, null)
    const shown = { name, description, permissions }
    const scope = await c.db.scope.create({
      data: {
        ...shown,
        workspaceId: c.workspace.id,
        id: newId('scp'),
        nameKey: nameKey(name),
        createdAt: c.now,
        updatedAt: c.now,
      },
    })
    const changes = changesBetween({}, shown)
    c.record({ action: 'scope.created', targetId: scope.id, targetName: name, changes })
    return scope
  })
}

async function findScope({ db, caller }: CallerTransaction, id: string): Promise<Scope> {
  const scope = await db.scope.findFirst({ where: { AND: [visibleScopes(caller), hasId(id)] } })
  if (scope === null) throw userError('NOT_FOUND', ['input', 'id'], 'There is no such scope.')
  return scope
}

/**
 * Changes a scope and, at once, every key linked to it. What it gains the caller must hold, and each
 * linked key, as it would be, must be one that the caller may grant.
 */
export function updateScope(
  context: ServiceContext,
  input: Given<typeof updateScopeInput>,
): Promise<Scope> {
  return inWorkspaceTransaction(context, { permission: 'scopes:update' }, async (c) => {
    const scope = await findScope(c, input.id)
    const problems = new ValidationErrors()
    if (input.permissions === null)
      problems.add('INVALID', ['permissions'], 'permissions cannot be null.')
    if (input.agentAccess === null)
      problems.add('INVALID', ['agentAccess'], 'An access level cannot be null.')
    const { name, description } = { ...scope, ...validateInput(problems, updateScopeInput, input) }
    const names = input.permissions ?? scope.permissions
    const permissions = permissionsInput(problems, names, input.agentAccess, withLevel)
    validateRequirements(problems, ['permissions'], permissions)
    problems.throwIfAny()
    const shown = { name, description, permissions }
    const changes = changesBetween<typeof shown>(scope, shown)
    if (changes.length === 0) return scope
    validateHeld(c, problems, permissions, input.permissions, scope.permissions)
    problems.throwIfAny()
    await assertNameFree(c, name, scope.id)
    if (!areSameNames(permissions, scope.permissions))
      await assertLinkedKeysAllow(c, scope, permissions)
    c.record({ action: 'scope.updated', targetId: scope.id, targetName: scope.name, changes })
    return c.db.scope.update({
      where: { workspaceId_id: { workspaceId: c.workspace.id, id: scope.id } },
      data: { ...shown, nameKey: nameKey(name), updatedAt: c.now },
    })
  })
}

/** Deletes a scope that no live key links to; dead keys are unlinked. */
export const deleteScope = (
  context: ServiceContext,
  { id }: { readonly id: string },
): Promise<string> =>
  inWorkspaceTransaction(context, { permission: 'scopes:delete' }, async (c) => {
    const scope = await findScope(c, id)
    await assertUnused(c, scope)
    await c.db.apiKeyScope.deleteMany({ where: { workspaceId: c.workspace.id, scopeId: id } })
    await c.db.scope.update({
      where: { workspaceId_id: { workspaceId: c.workspace.id, id } },
      data: { deletedAt: c.now, nameKey: null },
    })
    c.record({ action: 'scope.deleted', targetId: id, targetName: scope.name })
    return id
  })
