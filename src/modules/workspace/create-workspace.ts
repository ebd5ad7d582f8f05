import type { SignIn } from '../../auth/caller.ts'
import { forbidden, unauthenticated, userError } from '../../errors.ts'
import type { Prisma, Workspace } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { emailKey } from '../../input/email.ts'
import { type Given, readInput } from '../../input/read-input.ts'
import type { ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import { withMutex } from '../../transactions/workspace-mutex.ts'
import {
  asNewMember,
  type JoiningMember,
  type WorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { provisionForWorkspace } from '../legacy-import/provision.ts'
import { slugTaken } from './slug.ts'
import { createWorkspaceInput } from './workspace.input.ts'

/** By one person, ever. */
const maxCreated = 5

/** On whose behalf: a person who has signed in, in a workspace or in none. */
export type SignInContext = Omit<ServiceContext, 'caller'> & { readonly signIn: SignIn }

/**
 * Makes a workspace on the FREE plan, whose OWNER is its maker.
 *
 * @throws RequestError FORBIDDEN where people may not sign up, UNAUTHENTICATED for a sign-in that has
 *   ended meanwhile; UserInputError LIMIT_REACHED after the fifth, NAME_TAKEN for a slug that another one has or had
 */
export async function createWorkspace(
  context: SignInContext,
  input: Given<typeof createWorkspaceInput>,
): Promise<Workspace> {
  const { deps, signIn } = context
  if (!deps.signUp)
    throw forbidden([], [], 'Workspaces are made here by who runs the server: SIGN_UP is off.')
  const { name, slug } = readInput(createWorkspaceInput, input)
  const id = newId('wsp')
  const prepare = async (db: Prisma.TransactionClient): Promise<void> => {
    const createdAt = await lockMaker(db, signIn.userId)
    if (createdAt >= signIn.expiresAt) throw unauthenticated('EXPIRED')
    await assertBelowLimit(db, signIn.userId)
    const data = { id, name, slug, plan: 'FREE', createdAt, createdById: signIn.userId } as const
    await db.workspace.create({ data: { ...data, slugs: { create: { slug } } } })
  }
  const create = () => asNewMember(context, id, (c) => enterOwner(c, signIn), { prepare })
  // In turn, so that a person who asks many times at once holds one connection.
  const { workspace } = await withMutex(deps.prisma, signIn.userId, create).catch(slugTaken)
  return workspace
}

/** Lets one transaction at a time count the user's workspaces. The database's clock. */
async function lockMaker(db: Prisma.TransactionClient, userId: string): Promise<Date> {
  const [locked] = await db.$queryRaw<{ now: Date }[]>`
    WITH locked AS MATERIALIZED (SELECT 1 FROM "User" WHERE id = ${userId} FOR NO KEY UPDATE)
    SELECT clock_timestamp()::timestamptz(3) AS now FROM locked`
  if (locked === undefined) throw new Error(`the user ${userId} is gone`)
  return locked.now
}

async function assertBelowLimit(db: Prisma.TransactionClient, createdById: string): Promise<void> {
  if ((await db.workspace.count({ where: { createdById } })) >= maxCreated)
    throw userError('LIMIT_REACHED', ['input'], `You have made ${maxCreated} workspaces already.`)
}

async function enterOwner(
  c: WorkspaceTransaction,
  { userId, name, email }: SignIn,
): Promise<JoiningMember & { readonly workspace: Workspace }> {
  const { db, workspace, now, record } = c
  const { id: targetId, name: targetName, slug, plan } = workspace
  record({
    action: 'workspace.created',
    targetId,
    targetName,
    changes: changesBetween({}, { name: targetName, slug, plan }),
  })
  const owner = { id: newId('mem'), userId, role: 'OWNER', name, email } as const
  const key = email === null ? null : emailKey(email)
  await db.member.create({
    data: { ...owner, workspaceId: workspace.id, emailKey: key, createdAt: now },
  })
  record({
    action: 'member.added',
    targetId: owner.id,
    targetName: name,
    changes: changesBetween({}, { kind: 'HUMAN', name, email, role: owner.role }),
  })
  await provisionForWorkspace(c, userId)
  return { userId, name, workspace }
}
