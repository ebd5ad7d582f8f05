import { builder } from '../../schema/builder.ts'
import { entity } from '../../schema/entity.ts'
import { modelList } from '../../schema/pagination.ts'
import { visiblePage, visibleRows } from '../../schema/visible-rows.ts'
import { apiKeyFilter } from './api-key.filter.ts'
import { ApiKey } from './api-key.schema.ts'
import { ApiKeyFilterInput, filterInput } from './api-key-filter.schema.ts'
import { keyList } from './key-loaders.ts'

entity('key', ApiKey, {
  item: 'apiKey',
  guard: 'keys:read',
  description: 'One key.',
  noun: 'key',
  find: (context, ids, plan) => visibleRows(context, keyList(context), ids, plan),
})

builder.queryField('apiKeys', (t) =>
  t.field({
    ...modelList(
      'ApiKey',
      'keys:read',
      'The keys that the caller sees, expired and revoked ones included.',
      ApiKeyFilterInput,
    ),
    resolve: async (_root, { filter, ...args }, context, info) => {
      const list = keyList(context)
      const its = await apiKeyFilter(context.deps.prisma, context.caller, filterInput(filter ?? {}))
      return await visiblePage(context, info, args, list, its)
    },
  }),
)
