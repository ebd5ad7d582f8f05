import { createApiKeySecret, shownParts } from '../../src/auth/credentials/format.ts'
import { hashSecret } from '../../src/auth/credentials/hash.ts'
import { newId } from '../../src/ids.ts'
import type { World } from '../setup/world.ts'

/** A key as no caller could make one, e.g. with a permission and without what that requires. */
export interface RawKey {
  readonly workspaceId: string
  readonly ownerId: string
  readonly permissions: readonly string[]
  /** The spaces that it names; absent: all. */
  readonly spaceIds?: readonly string[]
  readonly expiresAt?: Date
  readonly disabledAt?: Date
  readonly revokedAt?: Date
}

/** Writes a key into the database, past every check of the API. */
export async function insertKey(
  { deps }: World,
  { spaceIds, permissions, ...key }: RawKey,
): Promise<{ readonly id: string; readonly secret: string }> {
  const { workspaceId } = key
  const id = newId('key')
  const secret = createApiKeySecret('lk')
  const now = new Date()
  await deps.prisma.apiKey.create({
    data: {
      ...key,
      id,
      name: id,
      nameKey: id,
      ...shownParts(secret),
      permissions: [...permissions],
      allSpaces: spaceIds === undefined,
      allowedIps: [],
      createdAt: now,
      updatedAt: now,
    },
  })
  await deps.prisma.apiKeySecret.create({
    data: { hash: hashSecret(secret), workspaceId, keyId: id, createdAt: now },
  })
  await deps.prisma.spaceGrant.createMany({
    data: (spaceIds ?? []).map((spaceId) => ({
      workspaceId,
      keyId: id,
      spaceId,
      narrowed: false,
      permissions: [],
    })),
  })
  return { id, secret }
}
