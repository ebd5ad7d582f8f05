import {
  type Caller,
  credentialIdsOf,
  type KeyCaller,
  type TokenCaller,
  verifierIdOf,
} from '../../auth/caller.ts'
import { assess, refusalOfRights } from '../../auth/decision.ts'
import type { PermissionName } from '../../auth/permissions.ts'
import { holds, type Rights, reaches } from '../../auth/policy.ts'
import { resolveCredential } from '../../auth/resolve-credential.ts'
import type { Deps } from '../../deps.ts'
import { type CredentialReason, forbidden, RequestError } from '../../errors.ts'
import { isId } from '../../ids.ts'
import type { BucketState } from '../../limits/buckets.ts'
import { minCost } from '../../limits/operation-cost.ts'
import type { ServiceContext } from '../../service-context.ts'
import { recordUse } from './authenticate-credential.ts'
import {
  type VerificationInput,
  type VerificationTerms,
  verificationInput,
} from './verification-input.ts'

/** Whether a credential is good for what was asked, and if not, the first rule that says so. */
export type VerdictCode =
  | 'VALID'
  | 'NOT_FOUND'
  | Exclude<CredentialReason, 'MISSING' | 'UNKNOWN'>
  | 'INSUFFICIENT_PERMISSIONS'
  | 'SPACE_NOT_ALLOWED'
  | 'RATE_LIMITED'

export interface Verdict {
  readonly code: VerdictCode
  /** Whom the secret makes; undefined where it is not known. */
  readonly caller: KeyCaller | TokenCaller | undefined
  /** Effective in every space asked for, none of a credential that is refused; null: not known. */
  readonly permissions: readonly PermissionName[] | null
  readonly missingPermissions: readonly PermissionName[]
  readonly rateLimits: readonly BucketState[]
  /** With RATE_LIMITED: after how long it is worth while to try again. */
  readonly retryAfterSeconds: number | undefined
}

const unknown: Verdict = {
  code: 'NOT_FOUND',
  caller: undefined,
  permissions: null,
  missingPermissions: [],
  rateLimits: [],
  retryAfterSeconds: undefined,
}

export const codeOf = (reason: CredentialReason): VerdictCode =>
  reason === 'UNKNOWN' || reason === 'MISSING' ? 'NOT_FOUND' : reason

/** What asking about a credential costs who asks: nothing, for its key pays; if they may not, as ever. */
export const verifierCost = ({ rights }: Caller): number =>
  holds(rights, 'keys:verify') ? 0 : minCost

/**
 * Gives the verdict on a key or access token that was presented.
 *
 * @throws RequestError SERVICE_UNAVAILABLE when it cannot be known
 */
export type Verification = (secret: string) => Promise<Verdict>

/**
 * Verdicts for another service of the caller's workspace: the decision as the API itself would take
 * it, and at last the limits. The verified key and its workspace are charged, where all else is well;
 * the caller is not.
 *
 * Keys of the whole workspace can be verified, those of another one are not known. Spaces are checked
 * by the credential's reach alone. What is not known counts as a failed attempt from the address
 * given, in this workspace; where none is given, of the caller.
 *
 * @throws RequestError FORBIDDEN without keys:verify; UserInputError as `verificationInput`
 */
export function prepareVerification(
  context: ServiceContext,
  input: VerificationInput,
): Verification {
  const { rights } = context.caller
  if (!holds(rights, 'keys:verify')) throw forbidden(['keys:verify'], ['keys:verify'])
  context.deps.usage.usedRights(context.caller, ['keys:verify'])
  const asked = verificationInput(input)
  const { deps, requestId } = context
  const { address } = asked
  return async (secret) => {
    try {
      const verdict = await verdictOn(context, secret, asked)
      const { code: reason, caller, missingPermissions: missing } = verdict
      if (reason !== 'VALID' && caller)
        deps.denials.add({ ...credentialIdsOf(caller), reason, missing, address, requestId })
      return verdict
    } catch (error) {
      const verdict = withoutCaller(error, asked)
      if (error instanceof RequestError) {
        const { reason = verdict.code, ...ids } = error.logged
        deps.denials.add({ ...ids, reason, address, requestId })
      }
      return verdict
    }
  }
}

/** The verdict on a credential of which it was not found out whose it is. */
function withoutCaller(error: unknown, { permissions }: VerificationTerms): Verdict {
  if (error instanceof RequestError && error.code === 'RATE_LIMITED') {
    const retryAfterSeconds = Number(error.details.retryAfterSeconds)
    return { ...unknown, code: 'RATE_LIMITED', retryAfterSeconds }
  }
  const code = codeBy(error)
  const isKnown = code !== 'NOT_FOUND' && code !== 'MALFORMED'
  return isKnown ? refused(code, permissions) : { ...unknown, code }
}

/** The verdict by which a credential was not accepted; anything else is thrown on. */
function codeBy(error: unknown): VerdictCode {
  if (!(error instanceof RequestError) || error.code !== 'UNAUTHENTICATED') throw error
  return codeOf(error.details.reason as CredentialReason)
}

const refused = (code: VerdictCode, asked: readonly PermissionName[]): Verdict => ({
  ...unknown,
  code,
  permissions: [],
  missingPermissions: asked,
})

async function verdictOn(
  { deps, caller: verifier, requestId }: ServiceContext,
  secret: string,
  { permissions, spaceIds, address, cost }: VerificationTerms,
): Promise<Verdict> {
  const { workspaceId } = verifier
  const verifierId = verifierIdOf(verifier)
  const resolved = await resolveCredential(deps, secret, { address, workspaceId, verifierId })
  const { caller, refusal } = resolved
  if (refusal !== undefined) return { ...refused(codeOf(refusal), permissions), caller }
  // Its first use may end another secret, under the lock: by then it may have ended itself.
  const admitted = Promise.resolve(recordUse(deps, resolved, { address, requestId }))
  const endedAs = await admitted.then(() => undefined, codeBy)
  if (endedAs !== undefined) return { ...refused(endedAs, permissions), caller }

  const { rights, user } = caller
  const unreached = await findUnreached(deps, workspaceId, rights, spaceIds)
  const { credential } = resolved
  const assessment = assess({
    credential,
    role: user.role,
    rights,
    permissions,
    spaceIds,
    unreached,
  })
  const { held, missing } = assessment
  const checked = { ...unknown, caller, permissions: held, missingPermissions: missing }
  const refusedBy = refusalOfRights(assessment)
  if (refusedBy !== undefined) return { ...checked, code: refusedBy }

  const { isAllowed, states, retryAfterSeconds } = await deps.limits.charge(caller, cost)
  const limited = { ...checked, rateLimits: states }
  if (isAllowed) deps.usage.usedRights(caller, permissions, spaceIds)
  return isAllowed
    ? { ...limited, code: 'VALID' }
    : { ...limited, code: 'RATE_LIMITED', retryAfterSeconds }
}

/** Those of the spaces that are not there, or not within reach. */
export async function findUnreached(
  { prisma }: Deps,
  workspaceId: string,
  rights: Rights,
  spaceIds: readonly string[],
): Promise<string[]> {
  // A list of spaces holds none that is deleted or foreign; who has all of them reaches any id.
  if (!rights.allSpaces || spaceIds.length === 0)
    return spaceIds.filter((id) => !reaches(rights, id))
  const where = { workspaceId, id: { in: spaceIds.filter(isId) }, deletedAt: null }
  const rows = await prisma.space.findMany({ where, select: { id: true } })
  const live = new Set(rows.map(({ id }) => id))
  return spaceIds.filter((id) => !live.has(id))
}
