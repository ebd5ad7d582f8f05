import { builder } from '../../schema/builder.ts'
import { nodeType } from '../../schema/node.ts'
import { modelConnection, pageArgs } from '../../schema/pagination.ts'
import { planOf, visiblePage, visibleRows } from '../../schema/visible-rows.ts'
import { apiKeyFilter } from './api-key.filter.ts'
import { ApiKey } from './api-key.schema.ts'
import { ApiKeyFilterInput, filterInput } from './api-key-filter.schema.ts'
import { apiKeyLoader, keyList } from './key-loaders.ts'

nodeType('key', ApiKey, {
  item: 'apiKey',
  find: (context, ids, info) =>
    visibleRows(context, keyList(context), ids, planOf(context, info, 'ApiKey')),
})

builder.queryFields((t) => ({
  apiKey: t.prismaField({
    type: 'ApiKey',
    nullable: true,
    guard: 'keys:read',
    description: 'One key.',
    args: { id: t.arg.id({ required: true, description: 'The id of the key.' }) },
    resolve: (query, _root, { id }, context, info) => apiKeyLoader(context, info, query).load(id),
  }),
  apiKeys: t.field({
    type: modelConnection('ApiKey'),
    nullable: true,
    guard: 'keys:read',
    description: 'The keys that the caller sees, expired and revoked ones included.',
    args: {
      ...pageArgs(t.arg),
      filter: t.arg({ type: ApiKeyFilterInput, description: 'Filters the list.' }),
    },
    resolve: async (_root, { filter, ...args }, context, info) => {
      const list = keyList(context)
      const its = await apiKeyFilter(context.deps.prisma, context.caller, filterInput(filter ?? {}))
      return await visiblePage(context, info, args, list, its)
    },
  }),
}))
