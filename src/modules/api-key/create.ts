import type { Caller } from '../../auth/caller.ts'
import { createApiKeySecret, shownParts } from '../../auth/credentials/format.ts'
import { hashSecret, secretDigest } from '../../auth/credentials/hash.ts'
import { emptyTerms, type KeySettings } from '../../auth/delegation.ts'
import { holds } from '../../auth/policy.ts'
import { forbidden, userError } from '../../errors.ts'
import type { ApiKey, Prisma } from '../../generated/prisma/client.ts'
import { isIdOf, newId } from '../../ids.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { validateInput } from '../../input/read-input.ts'
import { nameKey } from '../../input/text.ts'
import type { OperatorContext, ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import {
  type ActorTransaction,
  inTransactionOf,
  type WorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { createApiKeyInput, type KeyDetails } from './api-key.input.ts'
import { auditSnapshot } from './audit-snapshot.ts'
import {
  assertMayHaveSecretOf,
  isWithinKeyRole,
  updateKey,
  validateDelegation,
} from './find-key-for-update.ts'
import { type KeyChange, takeKeyName } from './key-name.ts'
import { type Label, storeLabels } from './labels.ts'
import { findKeyCapacity } from './live-keys.ts'
import { receiverOf } from './receiver.ts'
import { type KeyTermsInput, keyTermsInput, validateEffect } from './terms-input.ts'

/** A key with its secret: shown this once, and stored nowhere. */
export interface KeyWithSecret {
  readonly apiKey: ApiKey
  readonly secret: string
}

export interface CreateApiKeyInput extends KeyTermsInput {
  readonly name: string
  readonly description?: string | null | undefined
  readonly externalId?: string | null | undefined
  readonly labels?: readonly Label[] | null | undefined
  readonly ownerId?: string | null | undefined
}

/** In a create, null is the same as nothing given. */
const withoutNulls = ({ expiresAt, allowedIps, requestsPerMinute, ...lists }: KeyTermsInput) => ({
  ...lists,
  expiresAt: expiresAt ?? undefined,
  allowedIps: allowedIps ?? undefined,
  requestsPerMinute: requestsPerMinute ?? undefined,
})

/** The owner that a new key may have: the caller's own user or a machine user; by the operator any. */
async function ownerInput(
  c: ActorTransaction,
  ownerId: string | null | undefined,
): Promise<Pick<KeySettings, 'ownerId' | 'ownerKind'>> {
  const user = c.caller?.user
  if (user && (ownerId ?? user.id) === user.id) return { ownerId: user.id, ownerKind: user.kind }
  const owner = await findOwner(c, ownerId ?? '', 'keys:create', ['input', 'ownerId'])
  assertMayHaveSecretOf(c, owner, ['input', 'ownerId'])
  return owner
}

/**
 * The user who is to own a key.
 *
 * @throws RequestError FORBIDDEN where the caller's permissions end at their own keys, whoever it is;
 *   UserInputError NOT_FOUND for who is no present member of the workspace, and for everybody but
 *   oneself to who may not read members
 */
export async function findOwner(
  c: ActorTransaction,
  ownerId: string,
  permission: 'keys:create' | 'keys:update',
  path: readonly string[],
): Promise<Pick<KeySettings, 'ownerId' | 'ownerKind'>> {
  if (!isWithinKeyRole(c, ownerId)) throw forbidden([permission], [permission])
  const { db, workspace, caller } = c
  const its = { workspaceId: workspace.id, userId: ownerId }
  const isReadable =
    caller === null || ownerId === caller.user.id || holds(caller.rights, 'members:read')
  const member =
    isReadable && isIdOf('usr', ownerId)
      ? await db.member.findFirst({ where: { ...its, removedAt: null }, include: { user: true } })
      : null
  if (member === null) throw userError('NOT_FOUND', path, 'There is no such user.')
  return { ownerId, ownerKind: member.user.kind }
}

/** A new key, at most as strong as the caller; the operator names its owner. */
export function createApiKey(
  context: ServiceContext | OperatorContext,
  input: CreateApiKeyInput,
): Promise<KeyWithSecret> {
  return inTransactionOf(context, { permission: 'keys:create' }, async (c) => {
    const problems = new ValidationErrors()
    const details = validateInput(problems, createApiKeyInput, input)
    const owner = await ownerInput(c, input.ownerId)
    const blank = {
      ...emptyTerms(owner.ownerId, owner.ownerKind),
      endsWithSecretId: c.caller?.bounds.endsWith[0] ?? null,
      createdAt: c.now,
    }
    const terms = await keyTermsInput(c, problems, blank, withoutNulls(input))
    problems.throwIfAny()
    validateEffect(problems, terms, input)
    validateDelegation(c, problems, terms)
    problems.throwIfAny()
    await assertBelowKeyLimit(c)
    return insertKey(c, { ...details, terms, maker: c.caller })
  })
}

/** @throws UserInputError LIMIT_REACHED; counted under the lock, so creations at once cannot overstep */
async function assertBelowKeyLimit(c: WorkspaceTransaction): Promise<void> {
  if ((await findKeyCapacity(c)) <= 0)
    throw userError('LIMIT_REACHED', null, 'The plan allows no more live keys.')
}

/** What a new key is made of, all of it checked. */
export interface NewKey extends Readonly<KeyDetails> {
  readonly terms: KeySettings
  /** Who makes it and is given its secret; null: the operator. */
  readonly maker: Caller | null
  /** A secret of the operator's choosing instead of a random one. */
  readonly secret?: string
}

/** Stores a key with its secret's hash, and records the event. */
export async function insertKey(c: KeyChange, key: NewKey): Promise<KeyWithSecret> {
  const { terms } = key
  const id = newId('key')
  const secret = key.secret ?? createApiKeySecret(c.deps.keyPrefix)
  c.deps.limits.failedAuth.markTrusted(secretDigest(secret))
  const workspaceId = c.workspace.id
  await takeKeyName(c, terms.ownerId, key.name, id, ['input', 'name'])
  const { name, description, externalId, labels, maker } = key
  const row = keyRow(c, { id, name, terms, ...shownParts(secret) }, maker)
  const apiKey = { ...row, description, externalId }
  c.insert('ApiKey', [apiKey])
  const given = { keyId: id, createdAt: c.now, ...receiverOf(maker) }
  c.insert('ApiKeySecret', [{ hash: hashSecret(secret), workspaceId, ...given }])
  storeLinks(c, id, terms)
  storeLabels(c, id, labels)
  const shown = { name, ownerId: terms.ownerId, externalId, labels, ...auditSnapshot(terms) }
  const changes = changesBetween({}, shown)
  c.record({ action: 'api_key.created', targetId: id, targetName: name, changes })
  return { apiKey, secret }
}

/** The row of a new key; without a maker the operator made it. */
export const keyRow = (
  { workspace, now }: WorkspaceTransaction,
  key: Pick<NewKey, 'name' | 'terms'> & Pick<ApiKey, 'id' | 'start' | 'last4'>,
  maker: Caller | null,
): ApiKey => ({
  workspaceId: workspace.id,
  id: key.id,
  ownerId: key.terms.ownerId,
  name: key.name,
  nameKey: nameKey(key.name),
  description: null,
  externalId: null,
  start: key.start,
  last4: key.last4,
  legacy: false,
  userLevel: false,
  ...storedTerms(key.terms),
  createdAt: now,
  updatedAt: now,
  createdById: maker?.user.id ?? null,
  createdByKeyId: maker?.key?.id ?? null,
  rotatedAt: null,
  retirePreviousOnFirstUse: false,
  disabledAt: null,
  revokedAt: null,
  revokedById: null,
  revocationReason: null,
  ownerRemoved: false,
})

/** The terms that are columns of the key itself. */
const storedTerms = (terms: KeySettings) => ({
  permissions: [...terms.permissions],
  allSpaces: terms.allSpaces,
  allowedIps: [...terms.allowedIps],
  requestsPerMinute: terms.requestsPerMinute,
  expiresAt: terms.expiresAt,
  endsWithSecretId: terms.endsWithSecretId,
})

/** Stores the scopes and space grants of a key that has none stored. */
function storeLinks(
  { insert, workspace }: WorkspaceTransaction,
  keyId: string,
  { scopes, grants }: KeySettings,
): void {
  const its = { workspaceId: workspace.id, keyId }
  const links = scopes.map(({ id }) => ({ ...its, scopeId: id }))
  const spaces = grants.map(({ spaceId, narrowed, permissions }) => {
    return { ...its, spaceId, narrowed, permissions: [...permissions] }
  })
  insert('ApiKeyScope', links)
  insert('SpaceGrant', spaces)
}

/** Replaces the terms of a key, its scopes and space grants included, and other columns with them. */
export async function replaceTerms(
  c: WorkspaceTransaction,
  keyId: string,
  terms: KeySettings,
  others: Prisma.ApiKeyUncheckedUpdateInput,
): Promise<ApiKey> {
  const { db, workspace } = c
  const its = { workspaceId: workspace.id, keyId }
  await db.apiKeyScope.deleteMany({ where: its })
  await db.spaceGrant.deleteMany({ where: its })
  storeLinks(c, keyId, terms)
  return updateKey(c, keyId, { ...storedTerms(terms), ...others })
}
