import { createApiKeySecret, shownParts } from '../../../src/auth/credentials/format.ts'
import { hashSecret } from '../../../src/auth/credentials/hash.ts'
import { expand } from '../../../src/auth/permissions.ts'
import { newId } from '../../../src/ids.ts'
import { addHuman } from '../../setup/human.ts'
import { done, seed } from '../../setup/seed.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'
import { type GeneratedKey, type GeneratedToken, gone, grantable, owners } from './generated.ts'

/** A workspace in which generated credentials live. */
export interface Stage {
  readonly workspace: TestWorkspace
  /** By name; an agent in each that is there. */
  readonly spaces: Readonly<Record<string, string>>
  readonly agents: Readonly<Record<string, string>>
  /** User ids by name. */
  readonly owners: Readonly<Record<string, string>>
  readonly scopeIds: readonly string[]
}

/** Longer ago than keys may live on a stage, in milliseconds. */
const tooLong = 31 * 86_400_000

/** Members of every role, some of them admitted to a restricted space; spaces of every kind. */
export async function createStage(world: World): Promise<Stage> {
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const spaces: Record<string, string> = { nonsense: 'spc_nonsense' }
  const agents: Record<string, string> = {}
  for (const name of [...grantable, 'deleted']) {
    const visibility = name === 'open' || name === 'another' ? 'OPEN' : 'RESTRICTED'
    const id = await make.space({ name, visibility })
    spaces[name] = id
    // One whose only space is deleted stays within reach of who has all spaces.
    if (name !== 'deleted') agents[name] = await make.agent({ name, spaceIds: [id] })
  }
  const members: Record<string, string> = {}
  for (const owner of [...owners, ...gone]) {
    const role = owner.match(/[A-Z]+/)?.[0] ?? ''
    const robot = () => make.machine({ name: owner, role })
    const human = async () => {
      const { memberId: id, userId } = await addHuman(world, workspace, role)
      return { id, userId }
    }
    const { id: memberId, userId } = await (owner.endsWith('robot') ? robot() : human())
    const admitted = { spaceId: spaces.restricted, memberId }
    if (!/OWNER|ADMIN/.test(owner))
      await done(world, workspace.secret, 'addSpaceMember', 'space { id }', admitted)
    const removed = { id: memberId }
    if (owner.startsWith('gone'))
      await done(world, workspace.secret, 'removeMember', 'member { id }', removed)
    members[owner] = userId
  }
  const scopeIds = [
    await make.scope({ name: 'all', permissions: ['*:read', 'agents:*'] }),
    await make.scope({ name: 'few', permissions: ['keys:read', 'scopes:read'] }),
    await make.scope({ name: 'none', permissions: [] }),
  ]
  await done(world, workspace.secret, 'deleteSpace', 'deletedId', { id: spaces.deleted })
  const policy = { maxKeyLifetimeDays: 30 }
  await done(world, workspace.secret, 'updateWorkspace', 'workspace { id }', policy)
  return { workspace, spaces, agents, owners: members, scopeIds }
}

const ago = (ms: number): Date => new Date(Date.now() - ms)

/** Writes the key into the database, and gives the secret to present. */
export async function storeKey(
  { deps }: World,
  { workspace, spaces, owners: users, scopeIds }: Stage,
  key: GeneratedKey,
): Promise<{ readonly id: string; readonly secret: string; readonly ownerId: string }> {
  const { prisma } = deps
  const its = { workspaceId: workspace.id, keyId: newId('key') }
  const ownerId = users[key.owner] ?? ''
  const createdAt = ago(key.isTooOld ? tooLong : 60_000)
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
      secretEpoch: 0n,
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
  await prisma.spaceGrant.createMany({
    data: (key.grants ?? []).map(({ space, narrowing }) => ({
      ...its,
      spaceId: spaces[space] ?? '',
      narrowed: narrowing !== null,
      permissions: narrowing ?? [],
    })),
  })
  await prisma.apiKeyScope.createMany({
    data: key.scopes.map((index) => ({ ...its, scopeId: scopeIds[index] ?? '' })),
  })
  return { id: its.keyId, ownerId, secret: key.secret === 'current' ? current : previous }
}

/** Writes the token into the database and signs it. */
export async function storeToken(
  { deps }: World,
  { workspace, spaces }: Stage,
  { id: keyId, ownerId }: { readonly id: string; readonly ownerId: string },
  token: GeneratedToken,
): Promise<string> {
  const { id: workspaceId } = workspace
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
