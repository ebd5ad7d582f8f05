import { Prisma } from '../generated/prisma/client.ts'
import type { WorkspacePlan } from '../limits/plans.ts'
import type { HumanCaller, SignIn } from './caller.ts'
import {
  liveSpaces,
  memberReach,
  ownerOf,
  planColumns,
  planOf,
  type Queryable,
} from './key-record.ts'
import { effectiveRights } from './policy.ts'
import type { Role } from './roles.ts'

/** A person's membership with everything that decides what their sign-in may do there. */
export interface MembershipRecord extends WorkspacePlan {
  readonly workspaceId: string
  readonly epoch: bigint
  readonly memberId: string
  readonly userId: string
  readonly role: Role
  readonly name: string
  readonly email: string | null
  /** The spaces that the role reaches; null: every one. */
  readonly reach: readonly string[] | null
  readonly liveSpaces: number
}

const columns = Prisma.sql`m."workspaceId", w.epoch, m.id AS "memberId", m."userId",
  m.role::text AS role, m.name, m.email, ${planColumns}, ${memberReach} AS reach, ${liveSpaces}`

/** The user that an identity provider's `iss` and `sub` name; undefined: nobody yet. */
export async function findIdentifiedUser(
  db: Queryable,
  issuer: string,
  subject: string,
): Promise<string | undefined> {
  const rows = await db.$queryRaw<{ userId: string }[]>`
    SELECT "userId" FROM "Identity" WHERE issuer = ${issuer} AND subject = ${subject}`
  return rows[0]?.userId
}

/**
 * The user's present memberships: the one in the workspace of that id or slug, or, where none is
 * named, the first two: more than one is as many as a caller has to choose from.
 */
export const findMemberships = (
  db: Queryable,
  userId: string,
  named: string | undefined,
): Promise<MembershipRecord[]> => db.$queryRaw<MembershipRecord[]>`
  SELECT ${columns} FROM "Member" m JOIN "Workspace" w ON w.id = m."workspaceId"
   WHERE m."userId" = ${userId} AND m."removedAt" IS NULL
     AND ${named === undefined ? Prisma.sql`TRUE` : Prisma.sql`(w.id = ${named} OR w.slug = ${named})`}
   ORDER BY m.id LIMIT 2`

/** The present memberships of these users in the workspace. */
export const findMembers = (
  db: Queryable,
  workspaceId: string,
  userIds: readonly string[],
): Promise<MembershipRecord[]> => db.$queryRaw<MembershipRecord[]>`
  SELECT ${columns} FROM "Member" m JOIN "Workspace" w ON w.id = m."workspaceId"
   WHERE m."workspaceId" = ${workspaceId} AND m."userId" = ANY(${userIds}::text[])
     AND m."removedAt" IS NULL`

/** What a person may grant by signing in: all that their role can do. */
export const memberGrantor = (
  membership: MembershipRecord,
): Pick<HumanCaller, 'kind' | 'user' | 'allSpaces' | 'bounds' | 'rights'> => ({
  kind: 'HUMAN',
  user: {
    id: membership.userId,
    memberId: membership.memberId,
    kind: 'HUMAN',
    name: membership.name,
    email: membership.email,
    role: membership.role,
  },
  allSpaces: true,
  bounds: { expiresAt: null, requestsPerMinute: null, allowedIps: [], endsWith: [] },
  rights: effectiveRights(ownerOf(membership.role, membership.reach), {
    permissions: ['*'],
    allSpaces: true,
    grants: new Map(),
  }),
})

/** The caller that a sign-in makes in one of the person's workspaces. */
export const humanCaller = (membership: MembershipRecord, signIn: SignIn): HumanCaller => ({
  ...memberGrantor(membership),
  workspaceId: membership.workspaceId,
  epoch: membership.epoch,
  key: null,
  signIn,
  plan: planOf(membership),
  liveSpaces: membership.liveSpaces,
  validUntil: signIn.expiresAt,
})
