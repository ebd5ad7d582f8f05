import type { SignIn } from '../../auth/caller.ts'
import type { SignInClaims, SignInVerifier } from '../../auth/credentials/oidc.ts'
import { findIdentifiedUser } from '../../auth/human-record.ts'
import { type Arrival, arrivalChange, type Change } from '../../db/change.ts'
import { type Member, Prisma } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { emailKey } from '../../input/email.ts'
import { maxNameLength } from '../../input/text.ts'
import type { ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../audit/event.ts'
import { passMembership } from './pass-membership.ts'

/** A request, before it is known on whose behalf it is. */
type Request = Omit<ServiceContext, 'caller'>

/** What an identity provider calls a person. */
type Identity = Pick<SignInClaims, 'issuer' | 'subject'>

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
  const known = await findIdentifiedUser(deps.prisma, claims.issuer, claims.subject)
  const { name, email } =
    known === undefined
      ? await verifier.profile(token, claims)
      : await verifier.profileSoon(token, claims)
  const userId =
    (email === null ? undefined : await claimAll(request, claims, email, known)) ??
    known ??
    // Another request of theirs may have claimed what waited, since this one looked.
    (await findIdentifiedUser(deps.prisma, claims.issuer, claims.subject)) ??
    (deps.signUp ? await signUp(request, claims) : undefined)
  if (userId === undefined) return undefined
  const shown = name ?? [...(email ?? claims.subject)].slice(0, maxNameLength).join('')
  return { userId, name: shown, email, expiresAt: claims.expiresAt }
}

/** Claims one membership after the other, each in its workspace. The user, if anything was claimed. */
async function claimAll(
  request: Request,
  identity: Identity,
  email: string,
  known: string | undefined,
): Promise<string | undefined> {
  const key = emailKey(email)
  const waiting = await findWaiting(request.deps.prisma, key, known)
  let userId: string | undefined
  for (const { workspaceId } of waiting) {
    const arrival = await arrivalChange(request, workspaceId, (c) => claim(c, identity, key))
    userId ??= arrival?.userId
  }
  return userId
}

/** A membership waits while the person entered has never signed in: no identity is theirs. */
const isWaiting = (key: string): Prisma.Sql => Prisma.sql`
  m."emailKey" = ${key} AND m."removedAt" IS NULL AND u.kind = 'HUMAN'
  AND NOT EXISTS (SELECT 1 FROM "Identity" i WHERE i."userId" = m."userId")`

/** The workspaces in which a membership waits for the address and that user is not a member. */
const findWaiting = (
  db: Pick<Prisma.TransactionClient, '$queryRaw'>,
  key: string,
  userId = '',
): Promise<{ workspaceId: string }[]> => db.$queryRaw`
  SELECT m."workspaceId" FROM "Member" m JOIN "User" u ON u.id = m."userId"
   WHERE ${isWaiting(key)} AND NOT EXISTS (
     SELECT 1 FROM "Member" own WHERE own."workspaceId" = m."workspaceId"
        AND own."userId" = ${userId} AND own."removedAt" IS NULL)
   ORDER BY m."workspaceId" LIMIT ${maxClaims}`

/** Passes the waiting membership, if it still waits, to the user whom the identity names. */
async function claim(c: Change, identity: Identity, key: string): Promise<Arrival | undefined> {
  const { db, workspace } = c
  const [waiting] = await db.$queryRaw<Member[]>`
    SELECT m.* FROM "Member" m JOIN "User" u ON u.id = m."userId"
     WHERE m."workspaceId" = ${workspace.id} AND ${isWaiting(key)}`
  if (waiting === undefined) return undefined
  // The first user that is claimed becomes the person, unless they are one already.
  const userId = await userOf(c, identity, waiting.userId)
  const member = userId === waiting.userId ? waiting : await passMembership(c, waiting, userId)
  if (member === undefined) return undefined
  const { name } = member
  const before = { memberId: waiting.id, userId: waiting.userId, role: waiting.role }
  const after = { ...identity, memberId: member.id, userId, role: member.role }
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
