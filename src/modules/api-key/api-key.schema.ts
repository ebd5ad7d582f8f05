import type { ArgBuilder } from '@pothos/core'
import { permissionNames } from '../../auth/permissions.ts'
import type { ApiKeyState, ApiKeyStatus } from '../../generated/prisma/client.ts'
import { maxBlocks } from '../../input/addresses.ts'
import { maxNames } from '../../input/permission-list.ts'
import { reachedSpaces } from '../../limits/list-size.ts'
import { builder, type Types } from '../../schema/builder.ts'
import type { Context } from '../../schema/context.ts'
import { loadList } from '../../schema/load-list.ts'
import { modelConnection, modelType, pageArgs } from '../../schema/pagination.ts'
import { parentsPage, rowsById } from '../../schema/visible-rows.ts'
import { tokensOfKeys } from '../access-token/access-token.visibility.ts'
import { userField } from '../member/user.schema.ts'
import { visibleScopes } from '../scope/scope.visibility.ts'
import { spaceLoader } from '../space/space.schema.ts'
import {
  effectivePermissionsLoader,
  keyRecordLoader,
  keyStateLoader,
  labelsLoader,
  unusedPermissionsLoader,
  unusedSpaceIdsLoader,
  visibleKeyIdLoader,
} from './key-loaders.ts'
import { type Label, maxLabels } from './labels.ts'
import { SpaceGrant } from './space-grant.schema.ts'
import { maxGrants, maxScopes } from './terms-input.ts'
import { defaultDays, unusedDays } from './used-rights.ts'

export const ApiKeyStatusType = builder.enumType('ApiKeyStatus', {
  description: 'Whether a key is accepted.',
  values: {
    ACTIVE: { description: 'Accepted.' },
    DISABLED: { description: 'Refused until it is enabled.' },
    EXPIRED: { description: 'Refused for good: its time is over.' },
    REVOKED: { description: 'Refused for good.' },
  } satisfies Record<ApiKeyStatus, { description: string }>,
})

const LabelType = builder.objectRef<Label>('Label').implement({
  description:
    "A name and a value of the integration's own, to find keys by; at most 20 a key, names of 1 to 63 and values of up to 255 characters.",
  leafFields: 'public',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The name of the label, once a key.' }),
    value: t.exposeString('value', { description: 'The value of the label.' }),
  }),
})

const daysArg = (arg: ArgBuilder<Types>) => ({
  days: arg.int({
    defaultValue: defaultDays,
    description: 'How many days, 1 to 90; days of UTC, of which the first counts as a whole.',
  }),
})

/** A field of what the key is at the moment. */
const stateOf =
  <Name extends keyof ApiKeyState>(name: Name) =>
  async ({ id }: { readonly id: string }, _args: object, context: Context) =>
    (await keyStateLoader(context).load(id))[name]

export const ApiKey = builder.prismaObject('ApiKey', {
  select: { id: true, workspaceId: true, createdAt: true },
  description: 'A credential for integrations. It never does more than its owner can now.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the key; rotation keeps it.' }),
    name: t.exposeString('name', { description: "Unique among its owner's live keys." }),
    description: t.exposeString('description', {
      nullable: true,
      description: 'A description of the key.',
    }),
    externalId: t.exposeString('externalId', {
      nullable: true,
      description: "The integration's own id for it, e.g. of a customer; unique to nobody.",
    }),
    labels: t.field({
      type: [LabelType],
      guard: 'public',
      listSize: maxLabels,
      description: 'Its labels, sorted by name.',
      resolve: ({ id }, _args, context) => labelsLoader(context).load(id),
    }),
    status: t.field({
      type: ApiKeyStatusType,
      description: 'Whether it is accepted.',
      resolve: stateOf('status'),
    }),
    start: t.exposeString('start', { description: "The secret's first characters." }),
    last4: t.exposeString('last4', { description: "The secret's last four characters." }),
    legacy: t.exposeBoolean('legacy', { description: 'Whether it was issued elsewhere.' }),
    owner: t.field(userField('ownerId', 'The owner of the key: a person or a machine user.')),
    createdBy: t.field(
      userField('createdById', 'The user who created the key; null: the operator.'),
    ),
    createdByKeyId: t.id({
      nullable: true,
      description: 'The key that made it, if a key did that the caller sees.',
      select: { createdByKeyId: true },
      resolve: ({ createdByKeyId }, _args, context) =>
        createdByKeyId === null ? null : visibleKeyIdLoader(context).load(createdByKeyId),
    }),
    permissions: t.exposeStringList('permissions', {
      listSize: maxNames,
      description: 'Granted directly. An empty list with no linked scope grants nothing.',
    }),
    scopes: t.prismaField({
      type: ['Scope'],
      nullable: true,
      guard: 'scopes:read',
      listSize: maxScopes,
      description: 'The linked scopes.',
      resolve: async (query, { id }, _args, context, info) => {
        const { deps, caller } = context
        const record = await keyRecordLoader(context).load(id)
        const loaderOf = () =>
          rowsById(context, info, (ids) =>
            deps.prisma.scope.findMany({
              ...query,
              where: { AND: [visibleScopes(caller), { id: { in: ids } }] },
            }),
          )
        return await loadList(context, loaderOf, record?.scopes.map((scope) => scope.id) ?? [])
      },
    }),
    effectivePermissions: t.stringList({
      listSize: permissionNames.length,
      description:
        "What the key can do now: its permissions and scopes, cut by the owner's live role.",
      resolve: async ({ id }, _args, context) => {
        const its = await effectivePermissionsLoader(context).load(id)
        return [...its]
      },
    }),
    allSpaces: t.exposeBoolean('allSpaces', {
      description: 'Every space that the owner reaches, now and later. Never together with spaces.',
    }),
    spaces: t.field({
      type: [SpaceGrant],
      guard: 'public',
      listSize: (request) => Math.min(maxGrants, reachedSpaces(request)),
      description: 'The spaces that it names.',
      resolve: async ({ id }, _args, context) => {
        const record = await keyRecordLoader(context).load(id)
        return record === null ? [] : record.grants.map((grant) => ({ ...grant, record }))
      },
    }),
    unusedPermissions: t.stringList({
      nullable: true,
      listSize: permissionNames.length,
      description:
        'Held, yet used by no request of the last days: what could be taken away. What a used permission requires counts as used. Null: the use of the key has not been recorded for so long.',
      args: daysArg(t.arg),
      resolve: ({ id }, { days }, context) =>
        unusedPermissionsLoader(context, unusedDays(days)).load(id),
    }),
    unusedSpaces: t.field({
      type: [modelType('Space')],
      nullable: true,
      guard: 'spaces:read',
      listSize: reachedSpaces,
      description:
        'Spaces within its reach in which no request of the last days read or changed anything, as far as the caller sees them. Null: the use of the key has not been recorded for so long.',
      args: daysArg(t.arg),
      extensions: { isNoUse: true },
      resolve: async ({ id }, { days }, context, info) => {
        const ids = await unusedSpaceIdsLoader(context, unusedDays(days)).load(id)
        return ids && (await loadList(context, () => spaceLoader(context, info), ids))
      },
    }),
    allowedIps: t.stringList({
      listSize: maxBlocks,
      nullable: true,
      description: 'CIDR blocks or addresses; null: any address; never empty.',
      select: { allowedIps: true },
      resolve: ({ allowedIps }) => (allowedIps.length === 0 ? null : allowedIps),
    }),
    requestsPerMinute: t.exposeInt('requestsPerMinute', {
      nullable: true,
      description: "Its own limit, below the plan's; null: the plan's.",
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ends; null: not by itself.',
    }),
    effectiveExpiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: "With the workspace's lifetime policy applied, and to a legacy key the sunset.",
      resolve: stateOf('effectiveExpiresAt'),
    }),
    rotatedAt: t.expose('rotatedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When its secret was last replaced.',
    }),
    previousSecretExpiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Until when the secret before the last rotation still works; null: it does not.',
      resolve: stateOf('previousSecretExpiresAt'),
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was revoked.',
    }),
    revokedBy: t.field(userField('revokedById', 'The user who revoked the key.')),
    revocationReason: t.exposeString('revocationReason', {
      nullable: true,
      description: 'Why it was revoked.',
    }),
    accessTokens: t.field({
      type: modelConnection('AccessToken'),
      nullable: true,
      guard: 'tokens:read',
      description: 'The tokens derived from it, as far as the caller sees them.',
      args: pageArgs(t.arg),
      resolve: ({ id }, args, context, info) =>
        parentsPage(context, info, id, args, () => tokensOfKeys(context.caller)),
    }),
    lastUsedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was last used, to within ten seconds; null: never.',
      resolve: stateOf('lastUsedAt'),
    }),
    lastUsedIp: t.string({
      nullable: true,
      description: 'The address that it was last used from.',
      resolve: stateOf('lastUsedIp'),
    }),
  }),
})
