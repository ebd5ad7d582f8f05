import { createApiKeySecret, shownParts } from '../../../src/auth/credentials/format.ts'
import { hashSecret } from '../../../src/auth/credentials/hash.ts'
import { expand } from '../../../src/auth/permissions.ts'
import { newId } from '../../../src/ids.ts'
import type { World } from '../../setup/world.ts'
import type { GeneratedKey, GeneratedToken } from './generated.ts'
import { maxKeyLifetimeDays, type Stage } from './stage.ts'

const ago = (ms: number): Date => new Date(Date.now() - ms)

/** A key that was written, and the secret to present. */
export interface StoredKey {
  readonly workspaceId: string
  readonly id: string
  readonly ownerId: string
  readonly secret: string
}

/** Writes the key into the database, and gives the secret to present. */
export async function storeKey(
  { deps }: World,
  { workspace, spaces, owners: users, scopeIds }: Stage,
  key: GeneratedKey,
): Promise<StoredKey> {
  const { prisma } = deps
  const its = { workspaceId: workspace.id, keyId: newId('key') }
  const ownerId = users[key.owner] ?? workspace.ownerId
  const createdAt = ago(key.isTooOld ? (maxKeyLifetimeDays + 1) * 86_400_000 : 60_000)
  const isRevoked = key.isRevoked || key.isRevokedWithOwner
  const current = createApiKeySecret('lk')
  await prisma.apiKey.create({
    data: {
      workspaceId: its.workspaceId,
      id: its.keyId,
      ownerId,
      name: its.keyId,
      nameKey: its.keyId,
      ...shownParts(current),
      permissions: [...key.permissions],
      allSpaces: key.grants === null,
      allowedIps: key.hasAddressRule ? ['10.0.0.0/8', '2001:db8::/32'] : [],
      createdAt,
      updatedAt: createdAt,
      expiresAt: key.isExpired ? ago(1) : null,
      disabledAt: key.isDisabled ? ago(1) : null,
      revokedAt: isRevoked ? ago(1) : null,
      revokedById: isRevoked ? workspace.ownerId : null,
      ownerRemoved: key.isRevokedWithOwner,
    },
  })
  const previous = createApiKeySecret('lk')
  const endsAt = ago(key.secret === 'ended' ? 1 : -3_600_000)
  await prisma.apiKeySecret.createMany({
    data: [
      { ...its, hash: hashSecret(current), createdAt },
      { ...its, hash: hashSecret(previous), createdAt, endsAt },
    ],
  })
  if (key.grants?.length)
    await prisma.spaceGrant.createMany({
      data: (key.grants ?? []).map(({ space, narrowing }) => ({
        ...its,
        spaceId: spaces[space] ?? '',
        narrowed: narrowing !== null,
        permissions: narrowing ?? [],
      })),
    })
  if (key.scopes.length > 0)
    await prisma.apiKeyScope.createMany({
      data: key.scopes.map((index) => ({ ...its, scopeId: scopeIds[index] ?? '' })),
    })
  return {
    workspaceId: its.workspaceId,
    id: its.keyId,
    ownerId,
    secret: key.secret === 'current' ? current : previous,
  }
}

/** Writes the token into the database and signs it. */
export async function storeToken(
  { deps }: World,
  { spaces }: Stage,
  { workspaceId, id: keyId, ownerId }: StoredKey,
  token: GeneratedToken,
): Promise<string> {
  const tokenId = newId('tok')
  const expiresAt = ago(1_000 * (token.overSince ?? -900))
  const issuedAt = new Date(expiresAt.getTime() - 900_000)
  const audience = token.isForOthers ? ['https://others.example'] : [deps.publicUrl]
  await deps.prisma.accessToken.create({
    data: {
      workspaceId,
      id: tokenId,
      keyId,
      familyId: tokenId,
      familyExpiresAt: ago(-86_000_000),
      permissions: [...expand(token.permissions)],
      allSpaces: token.spaces === null,
      spaceIds: (token.spaces ?? []).map((name) => spaces[name] ?? ''),
      narrowings: {},
      audience,
      createdAt: issuedAt,
      expiresAt,
      rotatedAt: token.isRotated ? ago(1) : null,
      revokedAt: token.isRevoked ? ago(1) : null,
    },
  })
  const sign = await deps.accessTokens.signer()
  const claims = { id: tokenId, workspaceId, keyId, ownerId, audience, issuedAt, expiresAt }
  return sign({ ...claims, scope: '', spaces: {} })
}
