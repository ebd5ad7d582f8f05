import type { SignIn } from '../../auth/caller.ts'
import { none } from '../../db/where.ts'
import type { Prisma } from '../../generated/prisma/client.ts'
import { isAllowedAddress } from '../../input/addresses.ts'
import type { Context } from '../../schema/context.ts'
import { pendingMemberships } from '../member/claim-pending-memberships.ts'

type Asking = Pick<Context, 'deps' | 'address' | 'principal'>

/** The workspaces that the user is a member of. */
const withMember = (userId: string): Prisma.WorkspaceWhereInput => ({
  members: { some: { userId, removedAt: null } },
})

/** The workspaces where the address was entered for a person who has never signed in. */
const pendingFor = (email: string | null): Prisma.WorkspaceWhereInput =>
  email === null ? none : { members: { some: pendingMemberships(email) } }

/**
 * The workspaces of a person; for one who is in none yet, those where their address was entered.
 * Anybody can enter it, so for a person who is in one this changes nothing.
 */
async function enterableByPerson(
  { deps, principal }: Asking,
  { userId, email }: SignIn,
): Promise<Prisma.WorkspaceWhereInput> {
  const own = { where: { userId, removedAt: null }, select: { id: true } } as const
  const isInOne =
    principal.workspaceId !== null || (await deps.prisma.member.findFirst(own)) !== null
  return isInOne ? withMember(userId) : pendingFor(email)
}

/** The workspaces of a user-level key's owner where it is accepted, from the request's address. */
async function enterableByKey(
  { deps, address }: Asking,
  keyId: string,
  userId: string,
): Promise<Prisma.WorkspaceWhereInput> {
  const rows = await deps.prisma.apiKey.findMany({
    where: { id: keyId, state: { status: 'ACTIVE' }, workspace: withMember(userId) },
    select: { workspaceId: true, allowedIps: true },
  })
  const accepting = rows.filter(
    ({ allowedIps }) => allowedIps.length === 0 || isAllowedAddress(address, allowedIps),
  )
  return { id: { in: accepting.map(({ workspaceId }) => workspaceId) } }
}

/**
 * The workspaces that the credential can enter: one for a key or token, all of their own for a
 * person, of which a user-level key can enter those where it is accepted.
 */
export async function enterableWorkspaces(asking: Asking): Promise<Prisma.WorkspaceWhereInput> {
  const { principal } = asking
  if (principal.kind === 'HUMAN') return await enterableByPerson(asking, principal.signIn)
  if (principal.workspaceId !== null && !(principal.kind === 'API_KEY' && principal.isUserLevel))
    return { id: principal.workspaceId }
  return await enterableByKey(asking, principal.key.id, principal.user.id)
}
