import { userError } from '../../errors.ts'
import type { Document, Session } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { validateInput } from '../../input/read-input.ts'
import { fileName } from '../../input/text.ts'
import type { UploadedFile } from '../../input/uploaded-file.ts'
import type { ServiceContext } from '../../service-context.ts'
import type { StagedFile } from '../../storage/staged-file.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { requireVisibleAgent } from '../agent/require-visible-agent.ts'
import { assertActive, requireVisibleSession } from '../session/require-visible-session.ts'
import { MediaTypeProbe, mediaTypes } from './media-type.ts'
import { commitBlob, removeOrphanedBlob, reserveBlob } from './orphaned-blobs.ts'
import { contentKey, withStorage } from './store.ts'

const options = { permission: 'documents:upload', keepsAuthorization: true } as const
const filePath = ['input', 'file']
const unknownType = `A document is one of ${mediaTypes.join(', ')}; save text as UTF-8, or declare its charset.`
/** Uploads of a user at once, in one server, where a session takes only a few. */
const leastUnderWay = 10

export interface UploadDocumentInput {
  readonly sessionId: string
  readonly file: UploadedFile
}

/** What is known of a document before it is one. */
type Received = Pick<Document, 'id' | 'name' | 'mediaType' | 'bytes' | 'sha256'>

/** @throws UserInputError LIMIT_REACHED where the workspace has no room for so many bytes more */
async function assertRoom(
  { db, deps, workspace }: CallerTransaction,
  bytes: number,
): Promise<void> {
  const { maxWorkspaceBytes } = deps.documents
  const [row] = await db.$queryRaw<{ bytes: bigint }[]>`
    SELECT coalesce(sum(bytes), 0)::bigint AS bytes FROM "Document"
     WHERE "workspaceId" = ${workspace.id} AND "deletedAt" IS NULL`
  if (Number(row?.bytes) + bytes <= maxWorkspaceBytes) return
  const message = `The documents of a workspace have at most ${maxWorkspaceBytes} bytes together.`
  throw userError('LIMIT_REACHED', filePath, message)
}

/**
 * The session, if it takes one more document of the caller's, of at least so many bytes.
 *
 * @throws UserInputError NOT_FOUND, WRONG_STATE, LIMIT_REACHED; RequestError FORBIDDEN
 */
async function openSession(
  c: CallerTransaction,
  sessionId: string,
  bytes: number,
): Promise<Session> {
  const path = ['input', 'sessionId']
  const session = await requireVisibleSession(c, sessionId, 'documents:upload', path)
  await requireVisibleAgent(c, session.agentId, 'documents:upload', path)
  assertActive(session, path)
  const { maxCount } = c.deps.documents
  const where = { workspaceId: c.workspace.id, sessionId, deletedAt: null }
  if ((await c.db.document.count({ where })) >= maxCount)
    throw userError('LIMIT_REACHED', path, `A session has at most ${maxCount} documents.`)
  await assertRoom(c, bytes)
  return session
}

async function insert(
  c: CallerTransaction,
  sessionId: string,
  received: Received,
): Promise<Document> {
  await openSession(c, sessionId, received.bytes)
  const workspaceId = c.workspace.id
  await commitBlob(c, { ...received, workspaceId })
  const document = await c.db.document.create({
    data: {
      ...received,
      workspaceId,
      sessionId,
      createdById: c.caller.user.id,
      createdAt: c.now,
    },
  })
  const { id, ...shown } = received
  c.record({
    action: 'document.uploaded',
    targetId: id,
    targetName: document.name,
    changes: changesBetween({}, { sessionId, ...shown }),
  })
  return document
}

/** Puts the content before the lock is taken, for that may take long. */
async function keep(
  context: ServiceContext,
  sessionId: string,
  received: Received,
  path: string,
): Promise<Document> {
  const { deps, caller } = context
  const content = { ...received, workspaceId: caller.workspaceId }
  await reserveBlob(deps, content)
  await withStorage(deps, (storage) => storage.put(contentKey(content), path))
  try {
    return await inWorkspaceTransaction(context, options, (c) => insert(c, sessionId, received))
  } catch (error) {
    await removeOrphanedBlob(deps, content)
    throw error
  }
}

/**
 * Whose an upload is, to be counted for each of them: nobody takes all places, neither a workspace
 * those of the server nor a user those of a workspace.
 *
 * @throws UserInputError LIMIT_REACHED where one of them has no place left
 */
function ownersWithRoom({ deps, caller }: ServiceContext): string[] {
  const { maxCount, storage } = deps.documents
  const ofUser = Math.max(leastUnderWay, maxCount)
  const owners = [
    { owner: `${caller.workspaceId} ${caller.user.id}`, max: ofUser, whose: 'a user' },
    { owner: caller.workspaceId, max: 2 * ofUser, whose: 'a workspace' },
  ]
  for (const { owner, max, whose } of owners)
    if (storage.staging.underWay(owner) >= max)
      throw userError('LIMIT_REACHED', filePath, `At most ${max} files of ${whose} arrive at once.`)
  return owners.map(({ owner }) => owner)
}

/**
 * A new document of a session, for whose agent the caller holds documents:upload. Whether they may is
 * looked at before the content is read, and again once it has arrived: no lock is held in between.
 *
 * @throws RequestError BAD_REQUEST when the content breaks off
 */
export async function uploadDocument(
  context: ServiceContext,
  { sessionId, file }: UploadDocumentInput,
): Promise<Document> {
  const problems = new ValidationErrors()
  const name = validateInput(problems, fileName, file.name, ['file'])
  problems.throwIfAny()
  await inWorkspaceTransaction(context, options, (c) => openSession(c, sessionId, 1))
  const { maxBytes, storage } = context.deps.documents
  const owners = ownersWithRoom(context)
  const content = file.take()
  if (content === undefined)
    throw userError('INVALID', filePath, 'A file can be used by one field only.')
  const probe = new MediaTypeProbe(file.charset)
  const look = (chunk: Uint8Array, bytes: number): void => {
    if (bytes > maxBytes)
      throw userError('INVALID', filePath, `A document has at most ${maxBytes} bytes.`)
    probe.add(chunk)
  }
  const use = ({ path, bytes, sha256 }: StagedFile): Promise<Document> => {
    if (bytes === 0) throw userError('INVALID', filePath, 'A document must not be empty.')
    const mediaType = probe.end()
    if (mediaType === undefined) throw userError('INVALID', filePath, unknownType)
    const received = { id: newId('doc'), name, mediaType, bytes, sha256 }
    return keep(context, sessionId, received, path)
  }
  return await storage.staging.withFile(owners, content, look, use)
}
