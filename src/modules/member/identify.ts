import type { SignIn } from '../../auth/caller.ts'
import type { SignInClaims, SignInVerifier } from '../../auth/credentials/oidc.ts'
import { findIdentifiedUser } from '../../auth/human-record.ts'
import { arrivalChange } from '../../db/change.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { emailKey } from '../../input/email.ts'
import { maxNameLength } from '../../input/text.ts'
import type { ServiceContext } from '../../service-context.ts'
import { claim, type Identity, isWaiting } from './claim.ts'

/** A request, before it is known on whose behalf it is. */
type Request = Omit<ServiceContext, 'caller'>

/** So many at a time: the next request claims the next ones. */
const maxClaims = 100

/**
 * The person whom a sign-in names; undefined when it names nobody. A verified e-mail first claims
 * the memberships that wait for it; who has nothing to claim becomes a user under SIGN_UP alone.
 *
 * @throws RequestError SERVICE_UNAVAILABLE when it cannot be known whether somebody new is waited for
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
  const sight = await look(deps.prisma, identity, claims.email)
  const { name, email } =
    sight.userId === null
      ? await verifier.profile(token, claims)
      : await verifier.profileSoon(token, claims)
  const { waiting } = email === claims.email ? sight : await look(deps.prisma, identity, email)
  const userId =
    (email === null ? undefined : await claimAll(request, identity, email, waiting)) ??
    sight.userId ??
    // Another request of theirs may have claimed what waited, since this one looked.
    (await findIdentifiedUser(deps.prisma, issuer, subject)) ??
    (deps.signUp ? await signUp(request, identity) : undefined)
  if (userId === undefined) return undefined
  const shown = name ?? [...(email ?? claims.subject)].slice(0, maxNameLength).join('')
  return { userId, name: shown, email, expiresAt: claims.expiresAt }
}

interface Sight {
  readonly userId: string | null
  readonly waiting: readonly string[]
}

/** Who the person is, and where a membership waits for their address and they are no member. */
async function look(
  db: Pick<Prisma.TransactionClient, '$queryRaw'>,
  { issuer, subject }: Identity,
  email: string | null,
): Promise<Sight> {
  const rows = await db.$queryRaw<[Sight]>`
    WITH person AS (
      SELECT "userId" FROM "Identity" WHERE issuer = ${issuer} AND subject = ${subject})
    SELECT (SELECT "userId" FROM person) AS "userId", ARRAY(
      SELECT m."workspaceId" FROM "Member" m JOIN "User" u ON u.id = m."userId"
       WHERE ${isWaiting(emailKey(email ?? ''))} AND NOT EXISTS (
         SELECT 1 FROM "Member" own JOIN person ON person."userId" = own."userId"
          WHERE own."workspaceId" = m."workspaceId" AND own."removedAt" IS NULL)
       ORDER BY m."workspaceId" LIMIT ${maxClaims}) AS waiting`
  return rows[0]
}

/** Claims one membership after the other, each in its workspace. The user, if anything was claimed. */
async function claimAll(
  request: Request,
  identity: Identity,
  email: string,
  workspaceIds: readonly string[],
): Promise<string | undefined> {
  let userId: string | undefined
  for (const id of workspaceIds) {
    const arrival = await arrivalChange(request, id, (c) => claim(c, identity, emailKey(email)))
    userId ??= arrival?.userId
  }
  return userId
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
