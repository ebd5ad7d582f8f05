import { findAll } from '../../db/where.ts'
import type { Deps } from '../../deps.ts'
import type { ApiKey, ApiKeyState, Prisma } from '../../generated/prisma/client.ts'
import { type ApiKeyFilter, stateFilter } from './api-key.filter.ts'

/** A key with its owner, and with what it is at the moment. */
export interface KeyOfList extends ApiKey {
  readonly owner: { readonly name: string }
  readonly state: ApiKeyState | null
}

/** What the operator narrows a list of keys by. */
export type OperatorFilter = Pick<
  ApiKeyFilter,
  'ownerId' | 'status' | 'expiresBefore' | 'lastUsedBefore'
>

/** Lists the keys of a workspace for the operator, newest first. */
export function listKeys(
  { prisma }: Pick<Deps, 'prisma'>,
  workspaceId: string,
  { ownerId, ...ofState }: OperatorFilter,
): Promise<KeyOfList[]> {
  const where: Prisma.ApiKeyWhereInput = {
    workspaceId,
    ...(typeof ownerId === 'string' && { ownerId }),
    AND: stateFilter(ofState).map((state) => ({ state })),
  }
  const include = { owner: { select: { name: true } }, state: true }
  return findAll(where, (query) => prisma.apiKey.findMany({ ...query, include }))
}
