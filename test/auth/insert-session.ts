import { createHash } from 'node:crypto'
import { newId } from '../../src/ids.ts'
import type { TestWorkspace, World } from '../setup/world.ts'

type Owned = Pick<TestWorkspace, 'id' | 'ownerId'>

/** A session of the owner's, without asking an agent anything. */
export async function insertSession(
  { deps: { prisma } }: World,
  { id: workspaceId, ownerId }: Owned,
  agentId: string,
): Promise<string> {
  const id = newId('ses')
  await prisma.agentVersion.createMany({
    data: [{ workspaceId, agentId, version: 1 }],
    skipDuplicates: true,
  })
  const createdAt = new Date()
  await prisma.session.create({
    data: { workspaceId, id, agentId, agentVersion: 1, createdById: ownerId, createdAt },
  })
  const spaces = await prisma.agentSpace.findMany({ where: { workspaceId, agentId } })
  await prisma.sessionSpace.createMany({
    data: spaces.map(({ spaceId }) => ({ workspaceId, sessionId: id, spaceId })),
  })
  return id
}

/** A run of the owner's that has ended. */
export async function insertRun(
  { deps: { prisma } }: World,
  { id: workspaceId, ownerId }: Owned,
  sessionId: string,
  text = 'said',
): Promise<string> {
  const id = newId('run')
  const at = new Date()
  await prisma.run.create({
    data: {
      workspaceId,
      id,
      sessionId,
      agentVersion: 1,
      status: 'SUCCEEDED',
      input: text,
      output: text,
      createdById: ownerId,
      createdAt: at,
      finishedAt: at,
    },
  })
  return id
}

/** A document of the owner's, whose content is nowhere. */
export async function insertDocument(
  { deps: { prisma } }: World,
  { id: workspaceId, ownerId }: Owned,
  sessionId: string,
): Promise<string> {
  const id = newId('doc')
  await prisma.document.create({
    data: {
      workspaceId,
      id,
      sessionId,
      name: 'text.txt',
      mediaType: 'text/plain',
      bytes: 4,
      sha256: createHash('sha256').update('text').digest('hex'),
      createdById: ownerId,
      createdAt: new Date(),
    },
  })
  return id
}
