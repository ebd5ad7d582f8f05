import { expand, type PermissionName } from '../../auth/permissions.ts'
import { inOrder } from '../../auth/policy.ts'
import { addressProblem, plainAddress } from '../../input/addresses.ts'
import { permissionNamesInput } from '../../input/permission-list.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { minCost } from '../../limits/operation-cost.ts'

export const maxSpaces = 1_000
const maxCost = 1_000

/** What a service wants to know of credentials that are presented to it. */
export interface VerificationInput {
  readonly permissions?: readonly string[] | null | undefined
  readonly spaceIds?: readonly string[] | null | undefined
  readonly ip?: string | null | undefined
  readonly cost?: number | null | undefined
}

/** The same, checked. */
export interface VerificationTerms {
  /** Aliases expanded. */
  readonly permissions: readonly PermissionName[]
  readonly spaceIds: readonly string[]
  /** The client's, in plain form; undefined: nobody has said. */
  readonly address: string | undefined
  readonly cost: number
}

/**
 * Reads what is asked of a credential, and notes every problem: a permission that there is not, an
 * address that is none, a cost outside 0 to 1,000, more than 1,000 spaces. A space is checked later.
 */
export function readVerification(
  problems: ValidationErrors,
  input: VerificationInput,
): VerificationTerms {
  const names = permissionNamesInput(problems, ['permissions'], input.permissions ?? [])
  const spaceIds = input.spaceIds ?? []
  if (spaceIds.length > maxSpaces)
    problems.add('INVALID', ['spaceIds'], `At most ${maxSpaces} spaces are possible.`)
  const { ip } = input
  const address = typeof ip === 'string' ? plainAddress(ip) : undefined
  if (typeof ip === 'string' && address === undefined)
    problems.add('INVALID', ['ip'], addressProblem(ip))
  const cost = input.cost ?? minCost
  if (cost < 0 || cost > maxCost) problems.add('INVALID', ['cost'], `A cost is 0 to ${maxCost}.`)
  return { permissions: inOrder(expand(names)), spaceIds, address, cost }
}

/**
 * The same of what a gateway asks; a space is checked by the credential's reach alone.
 *
 * @throws UserInputError with every problem
 */
export function verificationInput(input: VerificationInput): VerificationTerms {
  const problems = new ValidationErrors()
  const terms = readVerification(problems, input)
  problems.throwIfAny()
  return terms
}
