import type { SignInClaims } from '../../auth/credentials/oidc.ts'
import { findIdentifiedUser } from '../../auth/human-record.ts'
import type { Queryable } from '../../auth/key-record.ts'
import { type Member, Prisma } from '../../generated/prisma/client.ts'
import { emailKey } from '../../input/email.ts'
import type { ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import { lockUsers, retryWithLocks } from '../../transactions/retry-with-locks.ts'
import {
  asNewMember,
  type JoiningMember,
  type WorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { reassignToUser } from '../legacy-import/provision.ts'
import { reassignMembership } from './reassign-membership.ts'

/** What an identity provider calls a person. */
export type Identity = Pick<SignInClaims, 'issuer' | 'subject'>

/** A person with an address that their identity provider has verified. */
export interface Claimant {
  readonly identity: Identity
  readonly email: string
}

/**
 * That a membership `m` of a user `u` is pending for the person with that address: somebody entered
 * it, and its user has never signed in.
 */
export const isPending = (email: string): Prisma.Sql => Prisma.sql`
  m."emailKey" = ${emailKey(email)} AND m."removedAt" IS NULL AND u.kind = 'HUMAN'
  AND NOT EXISTS (SELECT 1 FROM "Identity" i WHERE i."userId" = m."userId")`

/** `isPending` as a condition of Prisma. */
export const pendingMemberships = (email: string): Prisma.MemberWhereInput => ({
  emailKey: emailKey(email),
  removedAt: null,
  user: { kind: 'HUMAN', identities: { none: {} } },
})

/** The pending membership that a request claims. */
export interface ClaimTarget {
  readonly workspaceId: string
  /** Whether the request names the workspace; if not, only who is in no other comes into it. */
  readonly isNamed: boolean
}

/**
 * Claims the membership that is pending for a person in a workspace.
 *
 * @returns the id of the person's user; undefined when there is nothing to claim any more
 */
export async function claimMembership(
  request: Omit<ServiceContext, 'caller'>,
  claimant: Claimant,
  target: ClaimTarget,
): Promise<string | undefined> {
  const { workspaceId } = target
  const arrival = await retryWithLocks(
    () => otherWorkspacesOfClaim(request.deps.prisma, workspaceId, claimant),
    (others) =>
      asNewMember(request, workspaceId, (c, there) => claim(c, there, claimant, target), {
        others,
      }),
  )
  return arrival?.userId
}

/**
 * The other workspaces that a claim changes: where the user whose membership is pending has
 * user-level keys, those of the person, who gets the keys with it.
 */
async function otherWorkspacesOfClaim(
  db: Queryable,
  workspaceId: string,
  { identity: { issuer, subject }, email }: Claimant,
): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT own."workspaceId" AS id
      FROM "Member" m JOIN "User" u ON u.id = m."userId"
      JOIN "Identity" person ON person.issuer = ${issuer} AND person.subject = ${subject}
      JOIN "Member" own ON own."userId" = person."userId" AND own."removedAt" IS NULL
     WHERE m."workspaceId" = ${workspaceId} AND ${isPending(email)}
       AND EXISTS (SELECT 1 FROM "UserLegacyKey" ul WHERE ul."userId" = m."userId")`
  return rows.map(({ id }) => id)
}

/**
 * Passes the membership that is pending for the address, if it still is, to the user whom the
 * identity names.
 */
async function claim(
  c: WorkspaceTransaction,
  others: readonly WorkspaceTransaction[],
  { identity, email }: Claimant,
  { isNamed }: ClaimTarget,
): Promise<JoiningMember | undefined> {
  const { db, workspace } = c
  const [pending] = await db.$queryRaw<Member[]>`
    SELECT m.* FROM "Member" m JOIN "User" u ON u.id = m."userId"
     WHERE m."workspaceId" = ${workspace.id} AND ${isPending(email)}`
  if (pending === undefined) return undefined
  // The first user that is claimed becomes the person, unless they are one already.
  const userId = await userOf(c, identity, pending.userId)
  // While this waited for the lock, the person may have come into a workspace that they named.
  if (!isNamed && userId !== pending.userId && (await isMember(c, userId))) return undefined
  const member = userId === pending.userId ? pending : await reassignMembership(c, pending, userId)
  if (member === undefined) return undefined
  if (userId !== pending.userId)
    await reassignToUser(c, others, { from: pending.userId, to: userId })
  const { name } = member
  const before = { memberId: pending.id, userId: pending.userId, role: pending.role }
  const { issuer, subject } = identity
  const after = { issuer, subject, memberId: member.id, userId, role: member.role }
  c.record({
    action: 'member.claimed',
    targetId: member.id,
    targetName: name,
    changes: changesBetween<Partial<typeof after>>(before, after),
  })
  return { userId, name }
}

async function isMember(c: WorkspaceTransaction, userId: string): Promise<boolean> {
  await lockUsers(c, [userId])
  return (await c.db.member.count({ where: { userId, removedAt: null } })) > 0
}

/** The user whom an identity names; from now on the given one, where it named none. */
async function userOf(
  { db, now }: WorkspaceTransaction,
  identity: Identity,
  userId: string,
): Promise<string> {
  const { issuer, subject } = identity
  // Waits for another transaction that is giving it to another user, and then leaves it to that one.
  await db.identity.createMany({
    data: [{ issuer, subject, userId, createdAt: now }],
    skipDuplicates: true,
  })
  return (await findIdentifiedUser(db, issuer, subject)) ?? userId
}
