import { type CallerChange, change } from '../../db/change.ts'
import { userError } from '../../errors.ts'
import type { Document } from '../../generated/prisma/client.ts'
import type { ServiceContext } from '../../service-context.ts'
import { assertHeldForSession } from '../session/seen-session.ts'
import { ofSessionHeld } from '../session/session.visibility.ts'
import { documentsOf } from './document.visibility.ts'
import { documentHasGone, removeStrayContent } from './stray-content.ts'

/** The document, seen by the caller, for whose session they hold documents:delete. */
async function documentToDelete(c: CallerChange, id: string): Promise<Document> {
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
  const deleted = await change(context, options, async (c) => {
    const document = await documentToDelete(c, id)
    const { workspaceId, name } = document
    await c.db.document.update({
      where: { workspaceId_id: { workspaceId, id } },
      data: { deletedAt: c.now },
    })
    await documentHasGone(c, document)
    c.record({ action: 'document.deleted', targetId: id, targetName: name })
    return document
  })
  await removeStrayContent(context.deps, deleted)
  return id
}
