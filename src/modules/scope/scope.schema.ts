import { type AccessLevel, accessLevelOf } from '../../auth/access-level.ts'
import { parentId } from '../../db/nested-pages.ts'
import { maxNames } from '../../input/permission-list.ts'
import { builder } from '../../schema/builder.ts'
import { entity } from '../../schema/entity.ts'
import { permissionInput, searchInput } from '../../schema/filter-input.ts'
import { modelList, nestedList } from '../../schema/pagination.ts'
import { listPage } from '../../schema/visible-rows.ts'
import { keysOfScopes, linksTo } from '../api-key/api-key.visibility.ts'
import { keyCounts } from '../api-key/key-counts.ts'
import { scopeFilter, visibleScopes } from './scope.visibility.ts'

export const AccessLevelType = builder.enumType('AccessLevel', {
  description: 'The agent permissions of a scope, read as one word.',
  values: {
    NONE: { description: 'No agents.' },
    VIEW: { description: 'List and details.' },
    EDIT: { description: 'VIEW, and update what exists.' },
    FULL: { description: 'EDIT, and create and delete.' },
    CUSTOM: { description: 'Any other mix of permissions.' },
  } satisfies Record<AccessLevel, { description: string }>,
})

export const Scope = builder.prismaObject('Scope', {
  select: { id: true, workspaceId: true, createdAt: true },
  description:
    'A named, reusable set of permissions. Keys link to it; editing it changes them all at once.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the scope.' }),
    name: t.exposeString('name', { description: 'Unique in the workspace, in any case.' }),
    description: t.exposeString('description', {
      nullable: true,
      description: 'A description of the scope.',
    }),
    permissions: t.exposeStringList('permissions', {
      listSize: maxNames,
      description: 'Permissions and aliases, as written.',
    }),
    agentAccess: t.field({
      type: AccessLevelType,
      description: 'The agent permissions, read as a level.',
      select: { permissions: true },
      resolve: ({ permissions }) => accessLevelOf(permissions),
    }),
    keyCount: t.int({
      nullable: true,
      guard: 'keys:read',
      description: 'How many of the keys that link to it the caller sees.',
      resolve: ({ id }, _args, context) => keyCounts(context, 'scope', linksTo(parentId)).load(id),
    }),
    apiKeys: t.field(
      nestedList(
        'ApiKey',
        'keys:read',
        'The keys that link to it, as far as the caller sees them.',
        keysOfScopes,
      ),
    ),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
  }),
})

entity('scp', Scope, {
  item: 'scope',
  guard: 'scopes:read',
  description: 'One scope.',
  noun: 'scope',
  find: (context, ids, plan) => {
    const where = { AND: [visibleScopes(context.caller), { id: { in: ids } }] }
    return context.deps.prisma.scope.findMany({ ...plan, where })
  },
})

const ScopeFilter = builder.inputType('ScopeFilter', {
  description: 'Filters of a list of scopes; all that are given apply.',
  fields: (t) => ({
    permission: t.string({ description: 'Scopes that hold this permission, by name or by alias.' }),
    search: t.string({ description: 'Part of the name.' }),
  }),
})

builder.queryField('scopes', (t) =>
  t.field({
    ...modelList('Scope', 'scopes:read', 'The scopes of the workspace.', ScopeFilter),
    resolve: (_root, { filter, ...args }, context, info) => {
      const search = searchInput(filter?.search)
      const narrowed = scopeFilter({ search, permission: permissionInput(filter?.permission) })
      const where = [visibleScopes(context.caller), narrowed]
      return listPage(context, info, args, where, (query) =>
        context.deps.prisma.scope.findMany(query),
      )
    },
  }),
)
