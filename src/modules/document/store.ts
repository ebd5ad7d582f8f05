import type { Readable } from 'node:stream'
import type { Deps } from '../../deps.ts'
import { serviceUnavailable } from '../../errors.ts'
import type { Document } from '../../generated/prisma/client.ts'
import type { Storage } from '../../storage/storage.ts'

/** What the content of a document is found by. */
export type Content = Pick<Document, 'workspaceId' | 'id' | 'sha256'>

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

/**
 * The content of a document that was there a moment ago; null: it has been deleted.
 *
 * @throws RequestError SERVICE_UNAVAILABLE when the storage does not give it
 */
export async function contentOf(deps: Deps, document: Content): Promise<Readable | null> {
  try {
    return await withStorage(deps, (storage) => storage.read(contentKey(document)))
  } catch (error) {
    const { workspaceId, id } = document
    const where = { workspaceId, id, deletedAt: null }
    if ((await deps.prisma.document.findFirst({ where })) === null) return null
    throw error
  }
}
