import { holds } from '../../auth/policy.ts'
import { forbidden } from '../../errors.ts'
import type { Document } from '../../generated/prisma/client.ts'
import type { ServiceContext } from '../../service-context.ts'
import { ofSessionHeld } from '../session/session.visibility.ts'
import { documentsOf } from './document.visibility.ts'

const permission = 'documents:read'

/**
 * The document, if the caller sees it, or null.
 *
 * @throws RequestError FORBIDDEN to who may read none at all
 */
export async function findDocument(
  { deps: { prisma, usage }, caller }: Pick<ServiceContext, 'deps' | 'caller'>,
  id: string,
): Promise<Document | null> {
  if (!holds(caller.rights, permission)) throw forbidden([permission], [permission])
  const document = await prisma.document.findFirst({ where: documentsOf(caller, [id]) })
  const seen = await ofSessionHeld(prisma, caller, permission, document)
  usage.usedRights(caller, [permission], seen === null ? [] : [seen.id])
  return seen
}
