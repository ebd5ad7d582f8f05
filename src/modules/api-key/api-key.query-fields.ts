import { builder } from '../../schema/builder.ts'
import { instantInput, permissionInput, searchInput } from '../../schema/filter-input.ts'
import { nodeType } from '../../schema/node.ts'
import { modelConnection, pageArgs } from '../../schema/pagination.ts'
import { planOf, visiblePage, visibleRows } from '../../schema/visible-rows.ts'
import { apiKeyFilter } from './api-key.filter.ts'
import { ApiKey, ApiKeyStatusType } from './api-key.schema.ts'
import { apiKeyLoader, keyList } from './key-loaders.ts'

const ApiKeyFilter = builder.inputType('ApiKeyFilter', {
  description: 'Filters of a list of keys; all that are given apply.',
  fields: (t) => ({
    status: t.field({ type: ApiKeyStatusType, description: 'Whether they are accepted.' }),
    ownerId: t.id({
      guard: { permission: 'members:read' },
      description: 'The user that they act for.',
    }),
    spaceId: t.id({ description: 'Keys that name this space, and keys for all spaces.' }),
    scopeId: t.id({
      guard: { permission: 'scopes:read' },
      description: 'Keys linked to this scope.',
    }),
    permission: t.string({
      guard: { permission: 'scopes:read' },
      description: 'Keys that declare this permission, directly, by scope or by alias.',
    }),
    legacy: t.boolean({ description: 'Whether they were issued elsewhere.' }),
    createdById: t.id({
      guard: { permission: 'members:read' },
      description: 'The user who made them.',
    }),
    createdByKeyId: t.id({ description: 'The key that made them.' }),
    createdAfter: t.field({ type: 'DateTime', description: 'Made after this.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Made before this.' }),
    expiresAfter: t.field({ type: 'DateTime', description: 'Ending after this, by policy too.' }),
    expiresBefore: t.field({ type: 'DateTime', description: 'Ending before this, by policy too.' }),
    lastUsedBefore: t.field({ type: 'DateTime', description: 'Includes keys never used.' }),
    neverUsed: t.boolean({ description: 'Whether they were never used.' }),
    search: t.string({ description: 'Part of the name.' }),
  }),
})

function filterInput(filter: typeof ApiKeyFilter.$inferInput) {
  const { createdAfter, createdBefore, expiresAfter, expiresBefore, lastUsedBefore } = filter
  return {
    ...filter,
    search: searchInput(filter.search),
    permission: permissionInput(filter.permission),
    createdAfter: instantInput('createdAfter', createdAfter),
    createdBefore: instantInput('createdBefore', createdBefore),
    expiresAfter: instantInput('expiresAfter', expiresAfter),
    expiresBefore: instantInput('expiresBefore', expiresBefore),
    lastUsedBefore: instantInput('lastUsedBefore', lastUsedBefore),
  }
}

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
      filter: t.arg({ type: ApiKeyFilter, description: 'Filters the list.' }),
    },
    resolve: async (_root, { filter, ...args }, context, info) => {
      const { createdByKeyId, ...narrowed } = filterInput(filter ?? {})
      const list = keyList(context)
      const makers =
        typeof createdByKeyId === 'string' ? await list.check([createdByKeyId]) : undefined
      const its = apiKeyFilter(context.caller, { ...narrowed, makers })
      return await visiblePage(context, info, args, list, its)
    },
  }),
}))
