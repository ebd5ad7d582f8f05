import { operatorChange } from '../../db/change.ts'
import type { Deps } from '../../deps.ts'
import { RequestError } from '../../errors.ts'
import type { Plan } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { insertKey, type KeyWithSecret } from '../api-key/create.ts'

/** A workspace to begin with. */
export interface NewWorkspace {
  readonly name: string
  readonly slug: string
  readonly plan: Plan
  readonly owner: { readonly name: string; readonly email: string }
  /** The owner key's secret, where it is set and not made. */
  readonly secret?: string
}

/** A workspace with its human OWNER and a first key of theirs: everything, in all spaces. */
export async function createFirstWorkspace(
  deps: Deps,
  { name, slug, plan, owner, secret }: NewWorkspace,
): Promise<KeyWithSecret & { readonly workspaceId: string; readonly userId: string }> {
  const workspaceId = newId('wsp')
  const userId = newId('usr')
  const createdAt = new Date()
  await deps.prisma.$transaction(async (db) => {
    await db.workspace.create({ data: { id: workspaceId, name, slug, plan, createdAt } })
    await db.user.create({ data: { id: userId, kind: 'HUMAN', createdAt } })
    await db.member.create({
      data: {
        ...owner,
        workspaceId,
        id: newId('mem'),
        userId,
        role: 'OWNER',
        emailKey: owner.email.toLowerCase(),
        createdAt,
      },
    })
  })
  return { ...(await giveOwnerKey(deps, workspaceId, userId, secret)), workspaceId, userId }
}

const giveOwnerKey = (
  deps: Deps,
  workspaceId: string,
  ownerId: string,
  secret?: string,
): Promise<KeyWithSecret> =>
  operatorChange(deps, workspaceId, (c) =>
    insertKey(c, {
      name: `Owner key of ${c.now.toISOString()}`,
      description: null,
      terms: {
        ownerId,
        ownerKind: 'HUMAN',
        permissions: ['*'],
        scopes: [],
        allSpaces: true,
        grants: [],
        expiresAt: null,
        requestsPerMinute: null,
        allowedIps: [],
      },
      createdById: null,
      createdByKeyId: null,
      ...(secret !== undefined && { secret }),
    }),
  )

/**
 * A new owner key for the oldest human OWNER of a workspace, for an operator who has lost it.
 *
 * @throws RequestError WORKSPACE_NOT_FOUND when no workspace has that slug
 */
export async function replaceOwnerKey(deps: Deps, slug: string): Promise<KeyWithSecret> {
  const owner = await deps.prisma.member.findFirst({
    where: { workspace: { slug }, role: 'OWNER', removedAt: null, user: { kind: 'HUMAN' } },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
  })
  if (owner === null)
    throw new RequestError('WORKSPACE_NOT_FOUND', `There is no workspace ${JSON.stringify(slug)}.`)
  return giveOwnerKey(deps, owner.workspaceId, owner.userId)
}
