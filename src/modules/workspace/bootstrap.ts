import { fullTerms } from '../../auth/delegation.ts'
import type { Deps } from '../../deps.ts'
import type { Plan } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { emailKey } from '../../input/email.ts'
import { asOperator, type WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { insertKey, type KeyWithSecret, type NewKey } from '../api-key/create.ts'
import { noSuchWorkspace } from './slug.ts'

/** A workspace to begin with. */
export interface NewWorkspace {
  readonly name: string
  readonly slug: string
  readonly plan: Plan
  /** Whether it may import hashes of legacy keys; absent: it may not. */
  readonly hashImport?: boolean
  readonly owner: { readonly name: string; readonly email: string }
  /** The owner key's secret, where it is set and not made. */
  readonly secret?: string
}

/** A workspace with its human OWNER and a first key of theirs, for everything in all spaces. */
export function createFirstWorkspace(
  deps: Deps,
  { name, slug, plan, hashImport = false, owner, secret }: NewWorkspace,
): Promise<KeyWithSecret> {
  const workspaceId = newId('wsp')
  const userId = newId('usr')
  const createdAt = new Date()
  const member = {
    ...owner,
    workspaceId,
    id: newId('mem'),
    userId,
    role: 'OWNER',
    createdAt,
  } as const
  return asOperator(
    deps,
    workspaceId,
    (c) => insertKey(c, { ...ownerKey(c, userId), ...(secret !== undefined && { secret }) }),
    {
      prepare: async (db) => {
        const data = { id: workspaceId, name, slug, plan, hashImport, createdAt }
        await db.workspace.create({ data: { ...data, slugs: { create: { slug } } } })
        await db.user.create({ data: { id: userId, kind: 'HUMAN', createdAt } })
        await db.member.create({ data: { ...member, emailKey: emailKey(owner.email) } })
      },
    },
  )
}

const ownerKey = ({ now }: WorkspaceTransaction, ownerId: string): NewKey => ({
  name: `Owner key of ${now.toISOString()}`,
  description: null,
  externalId: null,
  labels: [],
  terms: fullTerms(ownerId),
  maker: null,
})

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
  if (owner === null) throw noSuchWorkspace(slug)
  return asOperator(deps, owner.workspaceId, (c) => insertKey(c, ownerKey(c, owner.userId)))
}
