import type { SignIn } from '../../auth/caller.ts'
import type { SignInClaims, SignInVerifier } from '../../auth/credentials/oidc.ts'
import { findIdentifiedUser } from '../../auth/human-record.ts'
import { serviceUnavailable } from '../../errors.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { emailKey } from '../../input/email.ts'
import { maxNameLength } from '../../input/text.ts'
import type { ServiceContext } from '../../service-context.ts'
import { within } from '../../within.ts'
import { type Identity, isWaiting } from './claim.ts'
import { type Claimant, claimEach, claimIn } from './claim-waiting.ts'

/** A request, before it is known on whose behalf it is. */
interface Request extends Omit<ServiceContext, 'caller'> {
  /** The id or slug of the workspace that it names. */
  readonly workspace?: string | undefined
}

/** So many at a time: the next request claims the next ones. */
const maxClaims = 50
/** How long a request waits for claims that it can do without, in milliseconds. */
const patience = 1_000
/** How long a stranger's request then waits for the first claim, in milliseconds. */
const strangersPatience = 9_000

/**
 * The person whom a sign-in names; undefined when it names nobody. A verified e-mail first claims
 * the memberships that wait for it; who has nothing to claim becomes a user under SIGN_UP alone.
 * Who is known and names a workspace claims there alone: no other one can hold the request up.
 *
 * @throws RequestError SERVICE_UNAVAILABLE when it cannot be known whether somebody new is waited for,
 *   or when the membership in the named workspace cannot be claimed
 */
export async function identify(
  request: Request,
  verifier: SignInVerifier,
  token: string,
  claims: SignInClaims,
): Promise<SignIn | undefined> {
  const { deps } = request
  const { issuer, subject } = claims
  const identity = { issuer, subject }
  const sight = await look(request, identity, claims.email)
  const { name, email } =
    sight.userId === null
      ? await verifier.profile(token, claims)
      : await verifier.profileSoon(token, claims)
  const { waiting } = email === claims.email ? sight : await look(request, identity, email)
  const person = { identity, isKnown: sight.userId !== null }
  const { userId: claimed, failure } =
    email === null ? nothing : await claimWaiting(request, { ...person, email }, waiting)
  const userId =
    claimed ??
    sight.userId ??
    // Another request of theirs may have claimed what waited, since this one looked.
    (await findIdentifiedUser(deps.prisma, issuer, subject)) ??
    (deps.signUp ? await signUp(request, identity) : undefined)
  if (userId === undefined && failure !== undefined) throw failure
  if (userId === undefined) return undefined
  const shown = name ?? [...(email ?? claims.subject)].slice(0, maxNameLength).join('')
  return { userId, name: shown, email, expiresAt: claims.expiresAt }
}

interface Waiting {
  readonly workspaceId: string
  /** Whether the request names that workspace. */
  readonly isNamed: boolean
}

interface Sight {
  readonly userId: string | null
  readonly waiting: readonly Waiting[]
}

/** Who the person is, and where a membership waits for their address and they are no member. */
async function look(
  { deps, workspace: named = '' }: Request,
  { issuer, subject }: Identity,
  email: string | null,
): Promise<Sight> {
  // In no order: none that cannot be claimed keeps others from being reached.
  const rows = await deps.prisma.$queryRaw<[Sight]>`
    WITH person AS (
      SELECT "userId" FROM "Identity" WHERE issuer = ${issuer} AND subject = ${subject}),
    waiting AS (
      SELECT w.id AS "workspaceId", ${named} IN (w.id, w.slug) AS "isNamed"
        FROM "Member" m JOIN "User" u ON u.id = m."userId"
        JOIN "Workspace" w ON w.id = m."workspaceId"
       WHERE ${isWaiting(emailKey(email ?? ''))} AND NOT EXISTS (
         SELECT 1 FROM "Member" own JOIN person ON person."userId" = own."userId"
          WHERE own."workspaceId" = m."workspaceId" AND own."removedAt" IS NULL)
       ORDER BY "isNamed" DESC, random() LIMIT ${maxClaims})
    SELECT (SELECT "userId" FROM person) AS "userId",
      COALESCE((SELECT jsonb_agg(waiting) FROM waiting), '[]') AS waiting`
  return rows[0]
}

/** What came of claims. */
interface Claimed {
  readonly userId?: string | undefined
  /** Why nothing was claimed that perhaps could have been. */
  readonly failure?: unknown
}

const nothing: Claimed = {}

/**
 * Claims what the request needs: what waits in the workspace that it names and, for who names none
 * or is not known yet, what waits elsewhere. Those claims go on when the request waits no longer.
 *
 * @throws when the one in the named workspace fails
 */
async function claimWaiting(
  request: Request,
  person: Claimant & { readonly isKnown: boolean },
  waiting: readonly Waiting[],
): Promise<Claimed> {
  const needed = waiting.find(({ isNamed }) => isNamed)
  const userId = needed && (await claimIn(request, person, needed.workspaceId))
  const others = waiting.filter(({ isNamed }) => !isNamed).map(({ workspaceId }) => workspaceId)
  const isAtHome = person.isKnown && request.workspace !== undefined
  if (others.length === 0 || isAtHome) return { userId }
  const run = claimEach(request, person, others)
  await within(run.ended, patience)
  if (person.isKnown || userId !== undefined) return { userId }
  const first = run.user.then((user) => ({ userId: user, failure: run.failures[0] }))
  // Who becomes a user without a claim needs none: what is claimed later passes to that user.
  const outcome = await within(first, request.deps.signUp ? 0 : strangersPatience)
  return outcome ?? { failure: serviceUnavailable(new Error('the first claim takes too long')) }
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
