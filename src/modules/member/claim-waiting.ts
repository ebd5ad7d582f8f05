import { untilAllLocked } from '../../db/all-locked.ts'
import { arrivalChange } from '../../db/change.ts'
import { emailKey } from '../../input/email.ts'
import type { ServiceContext } from '../../service-context.ts'
import { within } from '../../within.ts'
import { claim, type Identity, otherWorkspacesOfClaim } from './claim.ts'

/** How long a claim keeps the next one from being begun, in milliseconds. */
const headStart = 100

/** A person with the verified address that memberships wait for. */
export interface Claimant {
  readonly identity: Identity
  readonly email: string
}

/** The claims of several memberships of one person, under way. */
export interface ClaimRun {
  readonly workspaceIds: readonly string[]
  /** The user, as soon as anything is claimed; undefined once nothing was. */
  readonly user: Promise<string | undefined>
  /** Ends with the last claim. */
  readonly ended: Promise<void>
  /** Of the claims that could not be made so far. */
  readonly failures: readonly unknown[]
}

/** By database client, then by person. */
const runsOf = new WeakMap<object, Map<string, ClaimRun>>()

/** Claims what waits in one workspace. The user; undefined when nothing waits there any more. */
export async function claimIn(
  request: Omit<ServiceContext, 'caller'>,
  { identity, email }: Claimant,
  workspaceId: string,
): Promise<string | undefined> {
  const key = emailKey(email)
  const arrival = await untilAllLocked(
    () => otherWorkspacesOfClaim(request.deps.prisma, workspaceId, identity, key),
    (ids) =>
      arrivalChange(request, workspaceId, (c, others) => claim(c, others, identity, key), {
        others: ids,
      }),
  )
  return arrival?.userId
}

/**
 * Claims what waits in each workspace, one after the other; one that takes long holds none up, and
 * one that fails is logged. Requests of one person share a run, so that many wait no more than one.
 */
export function claimEach(
  request: Omit<ServiceContext, 'caller'>,
  claimant: Claimant,
  workspaceIds: readonly string[],
): ClaimRun {
  const { prisma } = request.deps
  const runs = runsOf.get(prisma) ?? new Map<string, ClaimRun>()
  runsOf.set(prisma, runs)
  const { identity, email } = claimant
  const person = JSON.stringify([identity.issuer, identity.subject, emailKey(email)])
  const current = runs.get(person)
  if (current && workspaceIds.every((id) => current.workspaceIds.includes(id))) return current
  const run = startRun(request, claimant, workspaceIds)
  runs.set(person, run)
  void run.ended.then(() => {
    if (runs.get(person) === run) runs.delete(person)
  })
  return run
}

function startRun(
  request: Omit<ServiceContext, 'caller'>,
  claimant: Claimant,
  workspaceIds: readonly string[],
): ClaimRun {
  const { deps, requestId } = request
  const user = Promise.withResolvers<string | undefined>()
  const failures: unknown[] = []
  const claimOne = async (workspaceId: string): Promise<void> => {
    try {
      const userId = await claimIn(request, claimant, workspaceId)
      if (userId !== undefined) user.resolve(userId)
    } catch (err) {
      failures.push(err)
      deps.logger.warn({ err, requestId, workspaceId }, 'a membership could not be claimed')
    }
  }
  const claimAll = async (): Promise<void> => {
    const claims: Promise<void>[] = []
    for (const id of workspaceIds) {
      const one = claimOne(id)
      claims.push(one)
      await within(one, headStart)
    }
    await Promise.all(claims)
    user.resolve(undefined)
  }
  return { workspaceIds, user: user.promise, ended: claimAll(), failures }
}
