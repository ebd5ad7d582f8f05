import type { Readable } from 'node:stream'
import { type Change, operatorChange } from '../../db/change.ts'
import type { Deps } from '../../deps.ts'
import { serviceUnavailable } from '../../errors.ts'
import type { Document } from '../../generated/prisma/client.ts'
import type { Storage } from '../../storage/storage.ts'

/** What a session takes. */
export interface DocumentLimits {
  readonly maxCount: number
  /** Of each document. */
  readonly maxBytes: number
}

/** Where the contents of documents are kept, and how many of them. */
export interface DocumentStore extends DocumentLimits {
  readonly storage: Storage
}

type Content = Pick<Document, 'workspaceId' | 'id' | 'sha256'>

/** Each document has its content to itself: that one is there tells nothing of another. */
export const contentKey = ({ workspaceId, id, sha256 }: Content): string =>
  `${workspaceId}/${sha256}-${id}`

/** Uses the storage. Whatever it fails with, it is that the answer cannot be known now. */
export async function withStorage<T>(
  { documents }: Pick<Deps, 'documents'>,
  use: (storage: Storage) => Promise<T>,
): Promise<T> {
  try {
    return await use(documents.storage)
  } catch (cause) {
    throw serviceUnavailable(cause)
  }
}

const live = ({ workspaceId, id }: Content) => ({ where: { workspaceId, id, deletedAt: null } })

/**
 * The content of a document that was there a moment ago; null: it has been deleted.
 *
 * @throws RequestError SERVICE_UNAVAILABLE when the storage does not give it
 */
export async function contentOf(deps: Deps, document: Content): Promise<Readable | null> {
  try {
    return await withStorage(deps, (storage) => storage.read(contentKey(document)))
  } catch (error) {
    if ((await deps.prisma.document.findFirst(live(document))) === null) return null
    throw error
  }
}

/**
 * Removes the content of a document that is none, or none any more. What stays because this fails is
 * in nobody's way. No lock is held while the storage is asked.
 */
export async function removeContent(deps: Deps, content: Content): Promise<void> {
  try {
    // Whether a change that failed has been done after all is known once its lock is free.
    const find = ({ db }: Change) => db.document.findFirst(live(content))
    if ((await operatorChange(deps, content.workspaceId, find)) !== null) return
    await deps.documents.storage.remove(contentKey(content))
  } catch (err) {
    deps.logger.warn(
      { err, key: contentKey(content) },
      'the content of no document was not removed',
    )
  }
}
