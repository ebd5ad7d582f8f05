import { userError } from '../../errors.ts'
import type { Document } from '../../generated/prisma/client.ts'
import type { ServiceContext } from '../../service-context.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { assertHeldForSession } from '../session/require-visible-session.ts'
import { ofSessionHeld } from '../session/session.visibility.ts'
import { documentsOf } from './document.visibility.ts'
import { releaseBlob, removeOrphanedBlob } from './orphaned-blobs.ts'

/** The document, seen by the caller, for whose session they hold documents:delete. */
async function documentToDelete(c: CallerTransaction, id: string): Promise<Document> {
  const found = await c.db.document.findFirst({ where: documentsOf(c.caller, [id]) })
  const document = await ofSessionHeld(c.db, c.caller, 'documents:read', found)
  if (document === null) throw userError('NOT_FOUND', ['input', 'id'], 'There is no such document.')
  await assertHeldForSession(c, document.sessionId, 'documents:delete')
  return document
}

/** Deletes a document, and then its content, as far as the storage lets it go. */
export async function deleteDocument(
  context: ServiceContext,
  { id }: { readonly id: string },
): Promise<string> {
  const options = { permission: 'documents:delete', keepsAuthorization: true } as const
  const deleted = await inWorkspaceTransaction(context, options, async (c) => {
    const document = await documentToDelete(c, id)
    const { workspaceId, name } = document
    await c.db.document.update({
      where: { workspaceId_id: { workspaceId, id } },
      data: { deletedAt: c.now },
    })
    await releaseBlob(c, document)
    c.record({ action: 'document.deleted', targetId: id, targetName: name })
    return document
  })
  await removeOrphanedBlob(context.deps, deleted)
  return id
}
