import { isMeantFor } from '../../auth/access-tokens.ts'
import { credentialRules, isToken } from '../../auth/credential-state.ts'
import { type Assessment, assess, rightsRules } from '../../auth/decision.ts'
import type { PermissionName } from '../../auth/permissions.ts'
import { reaches } from '../../auth/policy.ts'
import { UserInputError } from '../../errors.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { minCost } from '../../limits/operation-cost.ts'
import type { Context } from '../../schema/context.ts'
import { requireVisibleAgent } from '../agent/require-visible-agent.ts'
import { validateSpaceReach } from '../space/live-spaces.ts'
import {
  type AccessStep,
  audienceStep,
  credentialStep,
  limitsStep,
  rightsStep,
} from './access-step.ts'
import { findTarget, type Target, type TargetInput } from './explain-target.ts'
import {
  maxSpaces,
  readVerification,
  type VerificationInput,
  type VerificationTerms,
} from './verification-input.ts'
import { codeOf, findUnreached, type VerdictCode } from './verify.ts'

/** Which credential is explained, and what it is to be good for. */
export interface ExplainAccessInput extends TargetInput, Omit<VerificationInput, 'cost'> {
  /** The permissions must be held in all of its spaces, too. */
  readonly agentId?: string | null | undefined
}

/** The decision on a credential, step by step. */
export interface AccessExplanation {
  readonly code: VerdictCode
  readonly missingPermissions: readonly PermissionName[]
  readonly missingSpaces: readonly string[]
  /** Up to the rule that decided. */
  readonly steps: readonly AccessStep[]
}

interface Terms extends Omit<VerificationTerms, 'cost'> {
  readonly agentSpaceIds: readonly string[]
}

/** @throws UserInputError with every problem */
async function readTerms(
  { deps, caller, address }: Context,
  input: ExplainAccessInput,
): Promise<Terms> {
  const problems = new ValidationErrors()
  const { apiKeyId, accessTokenId, agentId, ip } = input
  if (typeof apiKeyId === 'string' && typeof accessTokenId === 'string')
    problems.add('INVALID', ['accessTokenId'], 'Name a key or a token, not both.')
  const terms = readVerification(problems, input)
  const named = terms.spaceIds.slice(0, maxSpaces)
  const reader = { db: deps.prisma, workspace: { id: caller.workspaceId }, caller }
  await validateSpaceReach(reader, problems, named, (index) => ['spaceIds', index])
  const agentSpaceIds =
    typeof agentId !== 'string'
      ? []
      : await requireVisibleAgent(reader, agentId, 'agents:read', []).then(
          ({ spaceIds }) => spaceIds,
          (error: unknown) => {
            if (!(error instanceof UserInputError)) throw error
            for (const { code, message } of error.errors) problems.add(code, ['agentId'], message)
            return []
          },
        )
  problems.throwIfAny()
  const asked = typeof agentId === 'string' ? (['agents:read'] as const) : []
  deps.usage.usedRights(caller, asked, [...named, ...agentSpaceIds])
  const isCaller = typeof apiKeyId !== 'string' && typeof accessTokenId !== 'string'
  // Who asks about themselves without an address asks about this very request.
  const from = isCaller && typeof ip !== 'string' ? address : terms.address
  return { ...terms, address: from, agentSpaceIds }
}

/** What of 3 and 4 the target is asked for. Of an agent also deleted spaces count, for who has all. */
async function assessmentOf(context: Context, target: Target, terms: Terms): Promise<Assessment> {
  const { deps, caller } = context
  const { rights } = target
  const { permissions, spaceIds, agentSpaceIds } = terms
  const unreached = [
    ...(await findUnreached(deps, caller.workspaceId, rights, spaceIds)),
    ...agentSpaceIds.filter((id) => !reaches(rights, id)),
  ]
  return assess({
    ...target,
    permissions,
    spaceIds: [...new Set([...spaceIds, ...agentSpaceIds])],
    unreached: [...new Set(unreached)],
  })
}

/**
 * The decision that `verifyApiKey`, `/verify` and the API take, by the same rules in the same order.
 * Nothing is charged, and it is no use of the credential.
 *
 * @returns null for a credential that the caller does not see
 * @throws UserInputError with every problem of the input; RequestError as `findTarget`
 */
export async function explainAccess(
  context: Context,
  input: ExplainAccessInput,
): Promise<AccessExplanation | null> {
  const terms = await readTerms(context, input)
  const target = await findTarget(context, input)
  if (target === null) return null
  const { credential, now } = target
  const { deps } = context
  const { address } = terms
  const steps: AccessStep[] = []
  const nothing = { missingPermissions: [], missingSpaces: [], steps }
  if (credential !== undefined && isToken(credential)) {
    const isForThis = isMeantFor(deps.publicUrl, credential.tokenAudience)
    steps.push(audienceStep(isForThis))
    if (!isForThis) return { ...nothing, code: codeOf('UNKNOWN') }
  }
  for (const { name, refusal } of credentialRules) {
    if (credential === undefined) break
    const reason = refusal(credential, now, address)
    steps.push(credentialStep(name, { credential, address, reason }))
    if (reason !== undefined) return { ...nothing, code: codeOf(reason) }
  }
  const assessment = await assessmentOf(context, target, terms)
  for (const { name, code, lacking } of rightsRules) {
    const its = lacking(assessment)
    if (its === undefined) continue
    steps.push(rightsStep(name, assessment, its))
    const { missing, unreached } = assessment
    if (its.length > 0)
      return { code, missingPermissions: missing, missingSpaces: unreached, steps }
  }
  const { isAllowed, states } = await deps.limits.charge(target.charged, 0)
  const hasRoom = isAllowed && states.every(({ remaining }) => remaining >= minCost)
  steps.push(limitsStep(hasRoom))
  return { ...nothing, code: hasRoom ? 'VALID' : 'RATE_LIMITED' }
}
