import type { SignInClaims } from '../../auth/credentials/oidc.ts'
import { findIdentifiedUser } from '../../auth/human-record.ts'
import type { Queryable } from '../../auth/key-record.ts'
import type { Arrival, Change } from '../../db/change.ts'
import { type Member, Prisma } from '../../generated/prisma/client.ts'
import { passUserLevelKeys } from '../api-key/user-level/pass.ts'
import { changesBetween } from '../audit/event.ts'
import { passMembership } from './pass-membership.ts'

/** What an identity provider calls a person. */
export type Identity = Pick<SignInClaims, 'issuer' | 'subject'>

/**
 * That a membership `m` of a user `u` waits for the person with that address: somebody entered it,
 * and its user has never signed in.
 */
export const isWaiting = (key: string): Prisma.Sql => Prisma.sql`
  m."emailKey" = ${key} AND m."removedAt" IS NULL AND u.kind = 'HUMAN'
  AND NOT EXISTS (SELECT 1 FROM "Identity" i WHERE i."userId" = m."userId")`

/**
 * The other workspaces that a claim changes: where the user whose membership waits has user-level
 * keys, those of the person, who gets the keys with it.
 */
export async function otherWorkspacesOfClaim(
  db: Queryable,
  workspaceId: string,
  { issuer, subject }: Identity,
  key: string,
): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT own."workspaceId" AS id
      FROM "Member" m JOIN "User" u ON u.id = m."userId"
      JOIN "Identity" person ON person.issuer = ${issuer} AND person.subject = ${subject}
      JOIN "Member" own ON own."userId" = person."userId" AND own."removedAt" IS NULL
     WHERE m."workspaceId" = ${workspaceId} AND ${isWaiting(key)}
       AND EXISTS (SELECT 1 FROM "UserLegacyKey" ul WHERE ul."userId" = m."userId")`
  return rows.map(({ id }) => id)
}

/**
 * Passes the membership that waits for the address, if it still does, to the user whom the identity
 * names.
 */
export async function claim(
  c: Change,
  others: readonly Change[],
  identity: Identity,
  key: string,
): Promise<Arrival | undefined> {
  const { db, workspace } = c
  const [waiting] = await db.$queryRaw<Member[]>`
    SELECT m.* FROM "Member" m JOIN "User" u ON u.id = m."userId"
     WHERE m."workspaceId" = ${workspace.id} AND ${isWaiting(key)}`
  if (waiting === undefined) return undefined
  // The first user that is claimed becomes the person, unless they are one already.
  const userId = await userOf(c, identity, waiting.userId)
  const member = userId === waiting.userId ? waiting : await passMembership(c, waiting, userId)
  if (member === undefined) return undefined
  if (userId !== waiting.userId)
    await passUserLevelKeys(c, others, { from: waiting.userId, to: userId })
  const { name } = member
  const before = { memberId: waiting.id, userId: waiting.userId, role: waiting.role }
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

/** The user whom an identity names; from now on the given one, where it named none. */
async function userOf({ db, now }: Change, identity: Identity, userId: string): Promise<string> {
  const { issuer, subject } = identity
  // Waits for another transaction that is giving it to another user, and then leaves it to that one.
  await db.identity.createMany({
    data: [{ issuer, subject, userId, createdAt: now }],
    skipDuplicates: true,
  })
  return (await findIdentifiedUser(db, issuer, subject)) ?? userId
}
