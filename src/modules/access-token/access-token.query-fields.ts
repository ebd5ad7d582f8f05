import type { Principal } from '../../auth/caller.ts'
import type { AccessToken as AccessTokenRow, Prisma } from '../../generated/prisma/client.ts'
import { builder } from '../../schema/builder.ts'
import type { Context } from '../../schema/context.ts'
import { entity } from '../../schema/entity.ts'
import { modelList } from '../../schema/pagination.ts'
import { type VisibleList, visiblePage, visibleRows } from '../../schema/visible-rows.ts'
import { keysSeen } from '../api-key/api-key.visibility.ts'
import { AccessToken, AccessTokenStatusType } from './access-token.schema.ts'
import {
  accessTokenFilter,
  tokensByRole,
  tokensSeen,
  visibleTokens,
} from './access-token.visibility.ts'

const isOwnKey = (keyId: unknown, principal: Principal): boolean =>
  'key' in principal && principal.key?.id === keyId

const AccessTokenFilter = builder.inputType('AccessTokenFilter', {
  description: 'Filters of a list of tokens; all that are given apply.',
  fields: (t) => ({
    status: t.field({ type: AccessTokenStatusType, description: 'Whether they are accepted.' }),
    apiKeyId: t.id({
      guard: {
        permission: 'keys:read',
        unless: { note: 'A key and its tokens may ask for their own.', when: isOwnKey },
      },
      description: 'Tokens of this key.',
    }),
    ownerId: t.id({
      guard: { permission: 'members:read' },
      description: "Those of this user's keys.",
    }),
  }),
})

const tokenList = ({
  deps,
  caller,
}: Context): VisibleList<Prisma.AccessTokenWhereInput, AccessTokenRow> => ({
  all: tokensByRole(caller),
  visible: () => visibleTokens(caller),
  check: (ids) => tokensSeen(deps.prisma, caller, ids),
  find: (query) => deps.prisma.accessToken.findMany(query as Prisma.AccessTokenFindManyArgs),
})

entity('tok', AccessToken, {
  item: 'accessToken',
  guard: 'tokens:read',
  description: 'One access token.',
  noun: 'token',
  find: (context, ids, plan) => visibleRows(context, tokenList(context), ids, plan),
})

builder.queryField('accessTokens', (t) =>
  t.field({
    ...modelList(
      'AccessToken',
      'tokens:read',
      'The access tokens that the caller sees, ended ones included.',
      AccessTokenFilter,
    ),
    resolve: async (_root, { filter, ...args }, context, info) => {
      const { deps, caller } = context
      const { apiKeyId, ...narrowed } = filter ?? {}
      const keyIds =
        typeof apiKeyId !== 'string'
          ? undefined
          : caller.key?.id === apiKeyId
            ? [apiKeyId]
            : await keysSeen(deps.prisma, caller, [apiKeyId])
      const its = accessTokenFilter({ ...narrowed, keyIds })
      return await visiblePage(context, info, args, tokenList(context), its)
    },
  }),
)
