import type { SignIn } from '../../auth/caller.ts'
import type { SignInClaims, SignInVerifier } from '../../auth/credentials/oidc.ts'
import { findIdentifiedUser } from '../../auth/human-record.ts'
import { unauthenticated } from '../../errors.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { maxNameLength } from '../../input/text.ts'
import type { ServiceContext } from '../../service-context.ts'
import { withTimeout } from '../../timeout.ts'
import {
  type Claimant,
  type ClaimTarget,
  claimMembership,
  type Identity,
  isPending,
} from './claim-pending-memberships.ts'

/** A request, before it is known on whose behalf it is. */
interface Request extends Omit<ServiceContext, 'caller'> {
  /** The id or slug of the workspace that it names. */
  readonly workspace?: string | undefined
}

/** How long a request waits for a claim that it can do without, in milliseconds. */
const patience = 1_000

/**
 * The person whom a sign-in names. A verified e-mail claims the membership that is pending in the
 * workspace that the request names or, for a person who is in none and names none, the only one. Who
 * has nothing pending becomes a user under SIGN_UP alone.
 *
 * @throws RequestError UNAUTHENTICATED when it names nobody, SERVICE_UNAVAILABLE when it cannot be
 *   known whether anything is pending for somebody new, or when the membership that the request needs
 *   cannot be claimed
 */
export async function identify(
  request: Request,
  verifier: SignInVerifier,
  token: string,
  claims: SignInClaims,
): Promise<SignIn> {
  const { deps } = request
  const { issuer, subject } = claims
  const identity = { issuer, subject }
  const first = await look(request, identity, claims.email)
  const { name, email } =
    first.userId === null
      ? await verifier.profile(token, claims)
      : await verifier.profileSoon(token, claims)
  const sight = email === claims.email ? first : await look(request, identity, email)
  const needed = neededMembership(request, sight)
  const claimed =
    needed && email !== null
      ? await claimNeeded(request, { identity, email }, needed, sight)
      : undefined
  // Who has several to choose from is a user, who is in none of them yet.
  const mayBecomeUser = deps.signUp || (needed === undefined && sight.pending.length > 0)
  const userId =
    claimed ??
    sight.userId ??
    // Another request of theirs may have claimed something since this one looked.
    (await findIdentifiedUser(deps.prisma, issuer, subject)) ??
    (mayBecomeUser ? await signUp(request, identity) : undefined)
  if (userId === undefined)
    throw unauthenticated('UNKNOWN', {
      reason: email === null ? 'NO_VERIFIED_EMAIL' : 'NO_MEMBER',
    })
  const shown = name ?? [...(email ?? claims.subject)].slice(0, maxNameLength).join('')
  return { userId, name: shown, email, expiresAt: claims.expiresAt }
}

interface PendingMembership extends ClaimTarget {
  /** Whether the operator made that workspace, and not somebody who signed up. */
  readonly isOperators: boolean
}

interface Sight {
  readonly userId: string | null
  /** Whether the person is in any workspace. */
  readonly isMember: boolean
  /** Where they are no members: the named one, and two more, those of the operator first. */
  readonly pending: readonly PendingMembership[]
}

/** Who the person is, and what is pending for their address. */
async function look(
  { deps, workspace: named = '' }: Request,
  { issuer, subject }: Identity,
  email: string | null,
): Promise<Sight> {
  const [sight] = await deps.prisma.$queryRaw<[Sight]>`
    WITH own AS (
      SELECT i."userId", m."workspaceId"
        FROM "Identity" i LEFT JOIN "Member" m ON m."userId" = i."userId" AND m."removedAt" IS NULL
       WHERE i.issuer = ${issuer} AND i.subject = ${subject}),
    pending AS (
      SELECT w.id AS "workspaceId", ${named} IN (w.id, w.slug) AS "isNamed",
             w."createdById" IS NULL AS "isOperators"
        FROM "Member" m JOIN "User" u ON u.id = m."userId"
        JOIN "Workspace" w ON w.id = m."workspaceId"
       WHERE ${isPending(email ?? '')}
         AND NOT EXISTS (SELECT 1 FROM own WHERE own."workspaceId" = m."workspaceId")
       ORDER BY "isNamed" DESC, "isOperators" DESC LIMIT 3)
    SELECT (SELECT "userId" FROM own LIMIT 1) AS "userId",
      EXISTS (SELECT 1 FROM own WHERE own."workspaceId" IS NOT NULL) AS "isMember",
      COALESCE((SELECT jsonb_agg(pending) FROM pending), '[]') AS pending`
  return sight
}

/**
 * Which membership a request claims. Anybody can enter anybody's address, so none that is pending
 * may change what a request without a named workspace does for who is in one already. For who is in
 * none, a workspace of the operator goes before those that strangers may have made.
 */
function neededMembership(
  { workspace }: Request,
  { isMember, pending }: Sight,
): PendingMembership | undefined {
  if (workspace !== undefined) return pending.find(({ isNamed }) => isNamed)
  if (isMember) return undefined
  const ofOperator = pending.filter(({ isOperators }) => isOperators)
  const [only, another] = ofOperator.length > 0 ? ofOperator : pending
  return another === undefined ? only : undefined
}

/**
 * Claims what the request needs. Without a named workspace, who is a user or may become one waits a
 * moment only: whoever keeps a workspace busy and enters them there does not keep them out of here.
 */
async function claimNeeded(
  request: Request,
  claimant: Claimant,
  needed: ClaimTarget,
  { userId }: Sight,
): Promise<string | undefined> {
  const { deps, requestId } = request
  const { workspaceId, isNamed } = needed
  const claiming = claimMembership(request, claimant, needed)
  const canDoWithout = !isNamed && (userId !== null || deps.signUp)
  if (!canDoWithout) return await claiming
  const logged = claiming.catch((err: unknown) => {
    deps.logger.warn({ err, requestId, workspaceId }, 'a membership could not be claimed')
    return undefined
  })
  return await withTimeout(logged, patience)
}

/** Makes a user for the identity. Of several requests at once one makes it, and all get it. */
async function signUp({ deps }: Request, { issuer, subject }: Identity): Promise<string> {
  const [userId, createdAt] = [newId('usr'), new Date()]
  try {
    await deps.prisma.$transaction(async (db) => {
      await db.user.create({ data: { id: userId, kind: 'HUMAN', createdAt } })
      await db.identity.create({ data: { issuer, subject, userId, createdAt } })
    })
    return userId
  } catch (error) {
    const winner = isTaken(error) && (await findIdentifiedUser(deps.prisma, issuer, subject))
    if (winner) return winner
    throw error
  }
}

const isTaken = (error: unknown): boolean =>
  error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002'
