import { findAll } from '../../db/where.ts'
import type { Deps } from '../../deps.ts'
import type { ApiKey, ApiKeyState } from '../../generated/prisma/client.ts'
import { type ApiKeyFilter, apiKeyFilter } from './api-key.filter.ts'

/** A key with its owner, and with what it is at the moment. */
export interface KeyOfList extends ApiKey {
  readonly owner: { readonly name: string }
  readonly state: ApiKeyState | null
}

/** Lists the keys of a workspace for the operator, newest first. */
export const listKeys = (
  { prisma }: Pick<Deps, 'prisma'>,
  workspaceId: string,
  filter: ApiKeyFilter,
): Promise<KeyOfList[]> =>
  findAll({ AND: [{ workspaceId }, apiKeyFilter(null, filter)] }, (query) =>
    prisma.apiKey.findMany({
      ...query,
      include: { owner: { select: { name: true } }, state: true },
    }),
  )
