import {
  aliases,
  catalogue,
  covers,
  expand,
  isPermission,
  isPerSpace,
  missingRequirements,
  permissionNames,
} from '../../auth/permissions.ts'
import { builder } from '../../schema/builder.ts'

const describe = (name: string): string =>
  isPermission(name)
    ? catalogue[name].description
    : name === '*'
      ? 'Everything, members:own included.'
      : `All of ${covers(name).join(', ')}.`

const Permission = builder.objectRef<string>('Permission').implement({
  description: 'Something that a scope or key can be allowed to do.',
  leafFields: 'public',
  fields: (t) => ({
    name: t.string({
      description: 'resource:action, e.g. agents:run; or an alias, e.g. agents:*.',
      resolve: (name) => name,
    }),
    description: t.string({ description: 'A description of the permission.', resolve: describe }),
    includes: t.stringList({
      listSize: permissionNames.length,
      description: 'For an alias, what it covers now; otherwise empty.',
      resolve: (name) => (isPermission(name) ? [] : [...covers(name)]),
    }),
    requires: t.stringList({
      listSize: permissionNames.length,
      description: 'Permissions that must be held along with it.',
      resolve: (name) => missingRequirements(expand([name])),
    }),
    perSpace: t.boolean({
      description: 'Whether it is held per space, or for the workspace as a whole.',
      resolve: (name) => covers(name).every(isPerSpace),
    }),
  }),
})

builder.queryField('permissions', (t) =>
  t.field({
    type: [Permission],
    guard: 'public',
    listSize: permissionNames.length + aliases.size,
    description:
      'The catalogue: every permission that a scope or key can hold. Needs no permission.',
    resolve: () => [...permissionNames, ...aliases.keys()],
  }),
)
