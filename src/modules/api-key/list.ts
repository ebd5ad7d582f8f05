import { findAll } from '../../db/where.ts'
import type { Deps } from '../../deps.ts'
import type { ApiKey, ApiKeyState } from '../../generated/prisma/client.ts'
import { type ApiKeyFilter, apiKeyFilter } from './api-key.filter.ts'

/** A key with its owner, and with what it is at the moment. */
export interface KeyOfList extends ApiKey {
  readonly owner: { readonly name: string }
  readonly state: ApiKeyState | null
}

/**
 * Lists the keys of a workspace for the operator, newest first.
 *
 * @param id only the key of this id
 */
export const listKeys = (
  { prisma }: Pick<Deps, 'prisma'>,
  workspaceId: string,
  { id, ...filter }: ApiKeyFilter & { readonly id?: string },
): Promise<KeyOfList[]> =>
  findAll(
    { AND: [{ workspaceId, ...(id !== undefined && { id }) }, apiKeyFilter(null, filter)] },
    (query) =>
      prisma.apiKey.findMany({
        ...query,
        include: { owner: { select: { name: true } }, state: true },
      }),
  )
