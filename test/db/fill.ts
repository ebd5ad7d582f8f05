import { type IdKind, newId } from '../../src/ids.ts'
import type { TestWorkspace, World } from '../setup/world.ts'

/** The ids of what was made, in the order in which they were made. */
export interface Filling {
  readonly accessTokens: readonly string[]
  readonly agents: readonly string[]
  readonly apiKeys: readonly string[]
  readonly members: readonly string[]
  readonly scopes: readonly string[]
  readonly sessions: readonly string[]
  readonly spaces: readonly string[]
}

/**
 * Makes so many of each in the database, all at the same instant, each with relations of its own and
 * with some that all share.
 */
export async function fill(
  { deps: { prisma } }: World,
  workspace: TestWorkspace,
  rows: number,
): Promise<Filling> {
  const of = { workspaceId: workspace.id, createdAt: new Date() }
  const ids = (kind: IdKind): string[] => Array.from({ length: rows }, () => newId(kind))
  const named = <T>(list: readonly string[], more: (index: number) => T) =>
    list.map((id, i) => ({ ...of, id, name: `number ${i}`, updatedAt: of.createdAt, ...more(i) }))
  const at = (list: readonly string[], i: number): string => list[i] ?? ''
  const [users, members, spaces] = [ids('usr'), ids('mem'), ids('spc')]
  const [scopes, keys, agents, tokens] = [ids('scp'), ids('key'), ids('agt'), ids('tok')]
  const sessions = ids('ses')
  /** Each with the first space and one of its own. */
  const inSpaces = <T>(link: (spaceId: string, i: number) => T): T[] =>
    spaces.flatMap((own, i) => [...new Set([own, at(spaces, 0)])].map((space) => link(space, i)))

  await prisma.user.createMany({
    data: users.map((id) => ({ id, kind: 'MACHINE', createdAt: of.createdAt })),
  })
  await prisma.member.createMany({
    data: members.map((id, i) => ({
      ...of,
      id,
      userId: at(users, i),
      name: id,
      role: 'BUILDER' as const,
    })),
  })
  await prisma.space.createMany({
    data: named(spaces, (i) => ({ nameKey: at(spaces, i), visibility: 'RESTRICTED' as const })),
  })
  await prisma.scope.createMany({
    data: named(scopes, (i) => ({ nameKey: at(scopes, i), permissions: ['agents:read'] })),
  })
  await prisma.apiKey.createMany({
    data: named(keys, (i) => ({
      ownerId: at(users, i),
      createdById: at(users, rows - 1 - i),
      start: 'lk_0000',
      last4: '0000',
      permissions: ['agents:*'],
      allSpaces: false,
      allowedIps: [],
    })),
  })
  await prisma.agent.createMany({ data: named(agents, (i) => ({ createdById: at(users, i) })) })

  const { workspaceId } = of
  await prisma.spaceMember.createMany({
    data: inSpaces((spaceId, i) => ({ workspaceId, spaceId, memberId: at(members, i) })),
  })
  await prisma.agentSpace.createMany({
    data: inSpaces((spaceId, i) => ({
      workspaceId,
      spaceId,
      agentId: at(agents, i),
      agentCreatedAt: of.createdAt,
    })),
  })
  await prisma.spaceGrant.createMany({
    data: inSpaces((spaceId, i) => ({
      workspaceId,
      spaceId,
      keyId: at(keys, i),
      narrowed: true,
      permissions: ['agents:read'],
    })),
  })
  await prisma.apiKeyScope.createMany({
    data: keys.map((keyId, i) => ({ workspaceId, keyId, scopeId: at(scopes, i) })),
  })
  const expiresAt = new Date(Date.now() + 3_600_000)
  await prisma.accessToken.createMany({
    data: tokens.map((id, i) => ({
      ...of,
      id,
      keyId: at(keys, i),
      familyId: id,
      familyExpiresAt: expiresAt,
      permissions: ['agents:read'],
      allSpaces: false,
      spaceIds: [...new Set([at(spaces, i), at(spaces, 0)])],
      narrowings: {},
      audience: [],
      expiresAt,
    })),
  })
  const version = 1
  await prisma.agentVersion.createMany({
    data: agents.map((agentId) => ({ workspaceId, agentId, version })),
  })
  const belonging = sessions.map((id, i) => ({
    id,
    createdById: at(users, i),
    agentVersion: version,
  }))
  await prisma.session.createMany({
    data: belonging.map((session, i) => ({ ...of, ...session, agentId: at(agents, i) })),
  })
  await prisma.sessionSpace.createMany({
    data: inSpaces((spaceId, i) => ({ workspaceId, spaceId, sessionId: at(sessions, i) })),
  })
  await prisma.run.createMany({
    data: belonging.map(({ id, ...session }) => ({
      ...of,
      ...session,
      id: newId('run'),
      sessionId: id,
      status: 'SUCCEEDED' as const,
      input: 'in',
    })),
  })
  await prisma.document.createMany({
    data: sessions.map((sessionId, i) => ({
      ...of,
      id: newId('doc'),
      sessionId,
      createdById: at(users, i),
      name: 'text.txt',
      mediaType: 'text/plain',
      bytes: 4,
      sha256: '0'.repeat(64),
    })),
  })
  return { accessTokens: tokens, agents, apiKeys: keys, members, scopes, sessions, spaces }
}
