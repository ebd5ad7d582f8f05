import { delegationErrors, type GrantProblem, type KeySettings } from '../../auth/delegation.ts'
import { holds } from '../../auth/policy.ts'
import { permissionNamesInput, validateRequirements } from '../../input/permission-list.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { nameInput } from '../../input/text.ts'
import { isWithinKeyRole } from '../api-key/find-key-for-update.ts'
import { maxGrants } from '../api-key/terms-input.ts'
import { validateReach } from '../space/live-spaces.ts'
import type { ImportChange, OwnerKind, Surroundings } from './import-context.ts'
import { type LegacySecret, type LegacySecretInput, legacySecretInput } from './secret-input.ts'

/** One key to import. It has no end, no address rule and no limit of its own. */
export interface LegacyKeyInput extends LegacySecretInput {
  readonly name: string
  readonly ownerId: string
  readonly spaceIds?: readonly string[] | null | undefined
  readonly allSpaces?: boolean | null | undefined
  readonly permissions?: readonly string[] | null | undefined
}

/** What a key to import is, as far as its input alone tells. */
export interface ReadKey {
  readonly index: number
  readonly input: LegacyKeyInput
  readonly problems: ValidationErrors
  readonly name: string
  readonly permissions: readonly string[]
  readonly secret: LegacySecret
}

/** Enough of one key: there may be a thousand. */
export const maxProblemsOfOne = 5

export const pathOf = (index: number): readonly (string | number)[] => ['keys', index]

/** The terms of a key that has nothing but an owner. */
export const termsOf = (ownerId: string, ownerKind: OwnerKind): KeySettings => ({
  ownerId,
  ownerKind,
  permissions: [],
  scopes: [],
  allSpaces: false,
  grants: [],
  expiresAt: null,
  requestsPerMinute: null,
  allowedIps: [],
  endsWithSecretId: null,
})

/**
 * Who knows the hash of a secret need not know the secret, and would get the requests of whoever
 * does: where hashes may be imported is the operator's to say.
 */
const mayImportHashes = ({ caller, workspace }: ImportChange): boolean =>
  caller === null || workspace.hashImport

/** Reads one key, and notes what is wrong with it by itself. */
export function readLegacyKey(
  c: ImportChange,
  input: LegacyKeyInput,
  index: number,
  prefixes: ReadonlySet<string>,
): ReadKey {
  const problems = new ValidationErrors(maxProblemsOfOne)
  const path = pathOf(index)
  const name = nameInput(problems, [...path, 'name'], input.name)
  if (input.encoding !== 'PLAINTEXT' && !mayImportHashes(c))
    problems.add(
      'INVALID',
      [...path, 'encoding'],
      'Send the secret itself, as PLAINTEXT: hashes are imported here only once the operator has allowed it by latchkey workspace hash-import.',
    )
  const secret = legacySecretInput(problems, path, input, prefixes)
  const at = [...path, 'permissions']
  const permissions = permissionNamesInput(problems, at, input.permissions ?? [])
  validateRequirements(problems, at, permissions)
  const spaces = input.spaceIds?.length ?? 0
  if (spaces > maxGrants)
    problems.add('INVALID', [...path, 'spaceIds'], `At most ${maxGrants} spaces are possible.`)
  if (input.allSpaces && spaces > 0)
    problems.add(
      'INVALID',
      [...path, 'spaceIds'],
      'A key is for all spaces or for a list, not both.',
    )
  return { index, input, problems, name, permissions, secret }
}

/** Whose the key is to be; undefined, and noted, where it may not be theirs. */
function ownerOf(
  { caller }: ImportChange,
  { owners }: Surroundings,
  { input: { ownerId }, problems, index }: ReadKey,
): OwnerKind | undefined {
  const path = [...pathOf(index), 'ownerId']
  const isForAnother = caller !== null && ownerId !== caller.user.id
  const isReadable = !isForAnother || holds(caller.rights, 'members:read')
  const kind = isReadable ? owners.get(ownerId) : undefined
  if (isForAnother && !isWithinKeyRole({ caller }, ownerId))
    problems.add('PERMISSION_NOT_GRANTABLE', path, 'You may import keys of your own only.')
  else if (kind === undefined) problems.add('NOT_FOUND', path, 'There is no such user.')
  else if (isForAnother && kind !== 'MACHINE')
    problems.add(
      'PERMISSION_NOT_GRANTABLE',
      path,
      'A key is imported for oneself or for a machine user.',
    )
  else return kind
  return undefined
}

/** Where the input of a legacy key has what a key's terms have in that field. */
const fieldOf = (field: GrantProblem['field']): GrantProblem['field'] =>
  field[0] === 'spaces' ? ['spaceIds', ...field.slice(1, 2)] : field

/**
 * What the key may do, for whom and where. Undefined, and noted, where something is wrong with it or
 * it is more than the caller may grant.
 */
export function legacyTerms(
  c: ImportChange,
  surroundings: Surroundings,
  key: ReadKey,
): KeySettings | undefined {
  const { input, problems, permissions, index } = key
  const path = pathOf(index)
  const ownerKind = ownerOf(c, surroundings, key)
  const spaceIds = input.spaceIds ?? []
  if (spaceIds.length <= maxGrants)
    validateReach(surroundings.spaces, problems, spaceIds, (at) => [...path, 'spaceIds', at])
  if (ownerKind === undefined || problems.any) return undefined
  const terms = {
    ...termsOf(input.ownerId, ownerKind),
    permissions,
    allSpaces: input.allSpaces ?? false,
    grants: spaceIds.map((spaceId) => ({ spaceId, narrowed: false, permissions: [] })),
  }
  for (const { code, field, message } of c.caller === null ? [] : delegationErrors(c.caller, terms))
    problems.add(code, [...path, ...fieldOf(field)], message)
  return problems.any ? undefined : terms
}
