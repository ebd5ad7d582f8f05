import type { KeyRecord } from '../../auth/key-record.ts'
import { permissionNames } from '../../auth/permissions.ts'
import { heldIn, inOrder } from '../../auth/policy.ts'
import { maxNames } from '../../input/permission-list.ts'
import { builder } from '../../schema/builder.ts'
import { modelType } from '../../schema/pagination.ts'
import { spaceLoader } from '../space/space.schema.ts'
import { rightsOnce } from './key-loaders.ts'

/** One space that a key names. */
export interface ShownGrant {
  /** Of the key. */
  readonly record: KeyRecord
  readonly spaceId: string
  readonly narrowed: boolean
  readonly permissions: readonly string[]
}

export const SpaceGrant = builder.objectRef<ShownGrant>('SpaceGrant').implement({
  description: 'A space that a key may act in, and what narrows it there.',
  leafFields: 'public',
  fields: (t) => ({
    spaceId: t.exposeID('spaceId', { description: 'The id of the space.' }),
    space: t.field({
      type: modelType('Space'),
      nullable: true,
      guard: 'spaces:read',
      description: 'The space.',
      resolve: ({ spaceId }, _args, context, info) => spaceLoader(context, info).load(spaceId),
    }),
    permissions: t.stringList({
      listSize: maxNames,
      nullable: true,
      description: "Narrows the key's permissions inside this space; null: all of them.",
      resolve: ({ narrowed, permissions }) => (narrowed ? [...permissions] : null),
    }),
    effectivePermissions: t.stringList({
      listSize: permissionNames.length,
      description: 'The effective permissions of the key in this space.',
      resolve: ({ record, spaceId }) => inOrder(heldIn(rightsOnce(record), spaceId)),
    }),
  }),
})
