import {
  type CredentialRule,
  expiryOf,
  isToken,
  type KnownCredential,
} from '../../auth/credential-state.ts'
import type { Assessment, RightsRule } from '../../auth/decision.ts'
import { declaredBy, holdsIn } from '../../auth/policy.ts'
import type { CredentialReason } from '../../errors.ts'

/** What one rule of the decision says of a credential. */
export interface AccessStep {
  readonly rule: string
  readonly passed: boolean
  readonly detail: string
}

/** A credential that one of rules 1 and 2 has looked at, from an address. */
interface Looked {
  readonly credential: KnownCredential
  readonly address: string | undefined
  /** Undefined: the rule lets it through. */
  readonly reason: CredentialReason | undefined
}

const at = (instant: Date | null): string =>
  instant === null ? '' : ` at ${instant.toISOString()}`

function revoked(credential: KnownCredential): string {
  if (!isToken(credential)) return `Revoked${at(credential.revokedAt)}.`
  const { tokenRevokedAt, revokedAt } = credential
  return tokenRevokedAt === null
    ? `The token's key was revoked${at(revokedAt)}.`
    : `Revoked${at(tokenRevokedAt)}.`
}

const ofCredential: Readonly<Record<CredentialRule['name'], (looked: Looked) => string>> = {
  status({ credential, reason }) {
    if (reason === undefined) return 'Not revoked, and the owner is a member of the workspace.'
    return reason === 'REVOKED' ? revoked(credential) : 'The owner was removed from the workspace.'
  },
  expiry({ credential, reason }) {
    const end = expiryOf(credential)
    if (reason !== undefined) return `Expired${at(end)}.`
    return end === null ? 'Does not expire.' : `Expires${at(end)}.`
  },
  rotation: ({ credential, reason }) =>
    reason === undefined
      ? 'Not replaced by a newer one.'
      : `Replaced by a newer one${at(credential.replacedAt)}.`,
  enabled: ({ credential, reason }) =>
    reason === undefined
      ? 'The key is enabled.'
      : `The key was disabled${at(credential.disabledAt)}.`,
  ip({ credential, address, reason }) {
    if (credential.allowedIps.length === 0) return 'Any address is allowed.'
    if (address === undefined) return 'Only some addresses are allowed, and none was given.'
    return `The address ${address} is ${reason === undefined ? '' : 'not '}allowed.`
  },
}

/** The step of one of rules 1 and 2. */
export const credentialStep = (rule: CredentialRule['name'], looked: Looked): AccessStep => ({
  rule,
  passed: looked.reason === undefined,
  detail: ofCredential[rule](looked),
})

/** The step before them: a token may be for other services, and is not known to this one. */
export const audienceStep = (passed: boolean): AccessStep => ({
  rule: 'audience',
  passed,
  detail: passed ? 'The token is for this server.' : 'The token is for other services only.',
})

/** The last step: the limits of the key and its workspace. */
export const limitsStep = (passed: boolean): AccessStep => ({
  rule: 'rate_limits',
  passed,
  detail: passed
    ? 'The limits have room for a request.'
    : 'The key or its workspace is over its limit.',
})

/** So many spaces are named at most. */
const maxNamed = 20

function listOf(items: readonly string[], textOf = (item: string): string => item): string {
  const rest = items.length - maxNamed
  const named = items.slice(0, maxNamed).map(textOf)
  return [...named, ...(rest > 0 ? [`${rest} more`] : [])].join(', ')
}

/** Why a space is out of reach: the first of key, token and owner that does not reach it. */
function unreachedBy({ credential }: Assessment, spaceId: string): string {
  if (credential !== undefined) {
    const { allSpaces, grants } = declaredBy(credential)
    if (!allSpaces && !grants.has(spaceId)) return 'the key does not name it'
    if (isToken(credential)) {
      const { allSpaces, spaceIds } = credential.tokenSnapshot
      if (!allSpaces && !spaceIds.includes(spaceId)) return 'the token does not name it'
    }
  }
  return 'the owner does not reach it'
}

function lackingIn({ rights, spaceIds, missing }: Assessment): string {
  const permissions = missing.join(', ')
  if (spaceIds.length === 0)
    return rights.allSpaces || rights.spaces.size > 0
      ? `Not held in every space within reach: ${permissions}. No space was named.`
      : `No space is within reach, so that this is held in none: ${permissions}.`
  const lacking = spaceIds.filter((id) => !missing.every((name) => holdsIn(rights, name, id)))
  return `Not held in ${listOf(lacking)}: ${permissions}.`
}

interface Words {
  readonly passed: (assessment: Assessment) => string
  readonly refused: (assessment: Assessment, lacking: readonly string[]) => string
}

const ofRights: Readonly<Record<RightsRule['name'], Words>> = {
  owner_role: {
    passed: () => "The owner's role allows what was asked for.",
    refused: (_, lacking) => `The owner's role does not allow ${lacking.join(', ')}.`,
  },
  key_permissions: {
    passed: () => 'The key and its scopes hold what was asked for.',
    refused: (_, lacking) => `The key and its scopes do not hold ${lacking.join(', ')}.`,
  },
  token_permissions: {
    passed: () => 'The token was made with what was asked for.',
    refused: (_, lacking) => `The token was made without ${lacking.join(', ')}.`,
  },
  spaces: {
    passed: ({ spaceIds }) =>
      spaceIds.length > 0 ? 'Every one of the spaces is within reach.' : 'No space was named.',
    refused: (assessment, lacking) =>
      `Not within reach: ${listOf(lacking, (id) => `${id} (${unreachedBy(assessment, id)})`)}.`,
  },
  space_permissions: {
    passed: ({ spaceIds }) =>
      `What was asked for is held in every ${spaceIds.length > 0 ? 'one of the spaces' : 'space within reach'}.`,
    refused: lackingIn,
  },
}

/** The step of one of rules 3 and 4. */
export const rightsStep = (
  rule: RightsRule['name'],
  assessment: Assessment,
  lacking: readonly string[],
): AccessStep => {
  const { passed, refused } = ofRights[rule]
  return lacking.length === 0
    ? { rule, passed: true, detail: passed(assessment) }
    : { rule, passed: false, detail: refused(assessment, lacking) }
}
