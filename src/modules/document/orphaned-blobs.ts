import type { Deps } from '../../deps.ts'
import { serviceUnavailable } from '../../errors.ts'
import { asOperator, type WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { type Content, contentKey } from './store.ts'

/**
 * How long a content without a document is left to whoever put it or took its document away, and
 * after that to whoever tries to remove it, in milliseconds.
 */
const leaveForMs = 3_600_000

/** How often contents without a document are looked for, more or less, in milliseconds. */
const lookEveryMs = 600_000

const batchSize = 100

const keyOf = ({ workspaceId, id }: Content) => ({ workspaceId, documentId: id })

/** Notes that a content is about to be put whose document is to come: whatever happens, it is found. */
export async function reserveBlob({ prisma }: Deps, content: Content): Promise<void> {
  const { workspaceId, id, sha256 } = content
  await prisma.$executeRaw`
    INSERT INTO "StrayContent" ("workspaceId", "documentId", sha256, "isAwaited", "dueAt")
    VALUES (${workspaceId}, ${id}, ${sha256}, TRUE, now() + ${leaveForMs} * interval '1 ms')`
}

/**
 * That content has its document, with the change.
 *
 * @throws RequestError SERVICE_UNAVAILABLE when it has been given up meanwhile
 */
export async function commitBlob({ db }: WorkspaceTransaction, content: Content): Promise<void> {
  const where = { ...keyOf(content), isAwaited: true }
  if ((await db.strayContent.deleteMany({ where })).count === 0)
    throw serviceUnavailable(new Error(`the content of ${content.id} took too long`))
}

/** That content has lost its document, with the change. */
export async function releaseBlob(
  { db, now }: WorkspaceTransaction,
  content: Content,
): Promise<void> {
  const dueAt = new Date(now.getTime() + leaveForMs)
  const { sha256 } = content
  await db.strayContent.create({ data: { ...keyOf(content), sha256, isAwaited: false, dueAt } })
}

/** Whether the content is one without a document; none comes any more. Told under the lock. */
async function giveUp({ db }: WorkspaceTransaction, content: Content): Promise<boolean> {
  const { workspaceId, id } = content
  await db.strayContent.updateMany({ where: keyOf(content), data: { isAwaited: false } })
  const where = { workspaceId, id, deletedAt: null }
  return (await db.document.findFirst({ where })) === null
}

/**
 * Removes a content if it has no document. What fails is tried again by whoever looks for such
 * contents. No lock is held while the storage is asked.
 */
export async function removeOrphanedBlob(deps: Deps, content: Content): Promise<void> {
  try {
    // Whether a change that failed has been done after all is known once its lock is free.
    const change = (c: WorkspaceTransaction) => giveUp(c, content)
    const options = { keepsAuthorization: true }
    if (!(await asOperator(deps, content.workspaceId, change, options))) return
    await deps.documents.storage.remove(contentKey(content))
    await deps.prisma.strayContent.deleteMany({ where: keyOf(content) })
  } catch (err) {
    const key = contentKey(content)
    deps.logger.warn({ err, key }, 'a content without a document was not removed yet')
  }
}

/** Takes those that are due, for a while: no two servers have the same. */
const takeDue = ({ prisma }: Deps): Promise<Content[]> =>
  prisma.$queryRaw<Content[]>`
    UPDATE "StrayContent" SET "dueAt" = now() + ${leaveForMs} * interval '1 ms'
     WHERE ("workspaceId", "documentId") IN (
       SELECT "workspaceId", "documentId" FROM "StrayContent" WHERE "dueAt" < now()
        ORDER BY "dueAt" LIMIT ${batchSize} FOR UPDATE SKIP LOCKED)
    RETURNING "workspaceId", "documentId" AS id, sha256`

/** Removes the contents without a document that nobody else has removed in time. */
export async function removeDueBlobs(deps: Deps, signal?: AbortSignal): Promise<void> {
  for (;;) {
    const due = await takeDue(deps)
    for (const content of due) {
      if (signal?.aborted) return
      await removeOrphanedBlob(deps, content)
    }
    if (due.length < batchSize) return
  }
}

/** Removes them from time to time, as long as it is open. */
export function watchOrphanedBlobs(deps: Deps): { close(): void } {
  const closing = new AbortController()
  const look = async (): Promise<void> => {
    await removeDueBlobs(deps, closing.signal).catch((err: unknown) => {
      deps.logger.warn({ err }, 'contents without a document were not looked for')
    })
    wait()
  }
  let timer: NodeJS.Timeout | undefined
  // Servers that were started together do not come together.
  const wait = (): void => {
    if (!closing.signal.aborted)
      timer = setTimeout(look, lookEveryMs * (0.5 + Math.random())).unref()
  }
  wait()
  return {
    close: () => {
      closing.abort()
      clearTimeout(timer)
    },
  }
}
