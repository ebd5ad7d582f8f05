import type { Principal } from '../../auth/caller.ts'
import type { KnownCredential } from '../../auth/credential-state.ts'
import { keyRecordBytes, planOf, rightsOf } from '../../auth/key-record.ts'
import type { PermissionName } from '../../auth/permissions.ts'
import { holds, type Rights } from '../../auth/policy.ts'
import type { Role } from '../../auth/roles.ts'
import { findToken, tokenRightsOf } from '../../auth/token-record.ts'
import { forbidden } from '../../errors.ts'
import type { Charged } from '../../limits/buckets.ts'
import type { Context } from '../../schema/context.ts'
import { tokensSeen } from '../access-token/access-token.visibility.ts'
import { keysSeen } from '../api-key/api-key.visibility.ts'
import { keyRecordLoader } from '../api-key/key-loaders.ts'

/** Names a key or a token; with neither, the caller itself. */
export interface TargetInput {
  readonly apiKeyId?: string | null | undefined
  readonly accessTokenId?: string | null | undefined
}

/** What is explained. */
export interface Target {
  /** Undefined for a person who has signed in. */
  readonly credential: KnownCredential | undefined
  readonly now: Date
  readonly role: Role
  readonly rights: Rights
  readonly charged: Charged
}

/**
 * Whether a credential asks about itself, or a token about its key, which takes no permission. Whether
 * a key asks about a token of its own shows once that is found: `findTarget` asks for the permission then.
 */
export const asksAboutItself = (
  { apiKeyId, accessTokenId }: TargetInput,
  principal: Principal,
): boolean =>
  (typeof apiKeyId !== 'string' || ('key' in principal && principal.key?.id === apiKeyId)) &&
  (typeof accessTokenId !== 'string' || mayBeOwnToken(accessTokenId, principal))

/** Whether a token is the caller's own, or that of a key that asks may be. */
export const mayBeOwnToken = (tokenId: unknown, principal: Principal): boolean =>
  principal.kind === 'API_KEY' || isTokenItself(tokenId, principal)

const isTokenItself = (tokenId: unknown, principal: Principal): boolean =>
  principal.kind === 'ACCESS_TOKEN' && principal.tokenId === tokenId

const seesKey = async ({ caller, deps }: Context, id: string): Promise<boolean> =>
  caller.key?.id === id || (await keysSeen(deps.prisma, caller, [id])).length > 0

/**
 * The key or token, as the database has it now.
 *
 * @returns null for one that the caller does not see
 * @throws RequestError FORBIDDEN where a key names a token that is not its own and lacks a permission
 */
export async function findTarget(
  context: Context,
  { apiKeyId, accessTokenId }: TargetInput,
): Promise<Target | null> {
  const { caller } = context
  if (typeof accessTokenId === 'string') return await seenToken(context, accessTokenId)
  if (typeof apiKeyId === 'string')
    return (await seesKey(context, apiKeyId)) ? await keyTarget(context, apiKeyId) : null
  if (caller.kind === 'API_KEY') return await keyTarget(context, caller.key.id)
  if (caller.kind === 'ACCESS_TOKEN') return await seenToken(context, caller.tokenId)
  const { user, rights } = caller
  return { credential: undefined, now: new Date(), role: user.role, rights, charged: caller }
}

/** A key by its current secret: what of the one before it is left does not count. */
async function keyTarget(context: Context, id: string): Promise<Target | null> {
  const record = await keyRecordLoader(context).load(id)
  if (record === null) return null
  await context.budget.turn(record.grants.length)
  const credential = { ...record, replacedAt: null }
  return { ...targetOf(credential), rights: rightsOf(record) }
}

const targetOf = (credential: KnownCredential): Omit<Target, 'rights'> => ({
  credential,
  now: credential.now,
  role: credential.ownerRole,
  charged: {
    workspaceId: credential.workspaceId,
    key: { id: credential.id },
    plan: planOf(credential),
    bounds: { requestsPerMinute: credential.requestsPerMinute },
  },
})

const toRead: readonly PermissionName[] = ['keys:read', 'tokens:read']

/** The decision on a token shows what its key is, which must be seen as well. */
async function seenToken(context: Context, tokenId: string): Promise<Target | null> {
  const { caller, deps, budget } = context
  const { workspaceId, rights } = caller
  const isItself = isTokenItself(tokenId, caller)
  const [seen] = isItself ? [tokenId] : await tokensSeen(deps.prisma, caller, [tokenId])
  const where = { workspaceId, id: seen ?? '' }
  const found = await deps.prisma.accessToken.findFirst({ where, select: { keyId: true } })
  const isOwn = isItself || (caller.kind === 'API_KEY' && found?.keyId === caller.key.id)
  const missing = isOwn ? [] : toRead.filter((name) => !holds(rights, name))
  if (missing.length > 0) throw forbidden(toRead, missing)
  if (found === null || !(await seesKey(context, found.keyId))) return null
  budget.countRead(await keyRecordBytes(deps.prisma, workspaceId, [found.keyId]))
  const token = await findToken(deps.prisma, workspaceId, where.id)
  if (token === undefined) return null
  await budget.turn(token.grants.length + token.tokenSnapshot.spaceIds.length)
  return { ...targetOf(token), rights: tokenRightsOf(token, token.tokenSnapshot) }
}
