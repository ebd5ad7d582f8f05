import { holds } from '../../auth/policy.ts'
import { findOne } from '../../db/page.ts'
import { forbidden } from '../../errors.ts'
import type { Document } from '../../generated/prisma/client.ts'
import type { ServiceContext } from '../../service-context.ts'
import { documents, visibleDocuments } from './document.queries.ts'

const permission = 'documents:read'

/**
 * The document, if the caller sees it, or null.
 *
 * @throws RequestError FORBIDDEN to who may read none at all
 */
export async function findDocument(
  { deps, caller }: Pick<ServiceContext, 'deps' | 'caller'>,
  id: string,
): Promise<Document | null> {
  if (!holds(caller.rights, permission)) throw forbidden([permission], [permission])
  return await findOne(deps.prisma, { ...documents, where: visibleDocuments(caller) }, id)
}
