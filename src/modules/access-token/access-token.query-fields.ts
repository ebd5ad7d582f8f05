import type { Principal } from '../../auth/caller.ts'
import { builder } from '../../builder.ts'
import { hasId } from '../../db/where.ts'
import { modelConnection, pageArgs } from '../../graphql/connection.ts'
import { nodeType } from '../../graphql/node.ts'
import { listPage, planOf } from '../../graphql/rows.ts'
import { AccessToken, AccessTokenStatusType } from './access-token.schema.ts'
import { accessTokenFilter, visibleTokens } from './access-token.visibility.ts'

const isOwnKey = (keyId: unknown, principal: Principal): boolean =>
  'key' in principal && principal.key?.id === keyId

const AccessTokenFilter = builder.inputType('AccessTokenFilter', {
  description: 'What a list of tokens is narrowed by; all of what is given.',
  fields: (t) => ({
    status: t.field({ type: AccessTokenStatusType, description: 'Whether they are accepted.' }),
    apiKeyId: t.id({
      guard: {
        permission: 'keys:read',
        unless: { note: 'A key and its tokens may ask for their own.', when: isOwnKey },
      },
      description: 'Those of this key.',
    }),
    ownerId: t.id({
      guard: { permission: 'members:read' },
      description: "Those of this user's keys.",
    }),
  }),
})

nodeType('tok', AccessToken, {
  item: 'accessToken',
  find: (context, ids, info) =>
    context.deps.prisma.accessToken.findMany({
      ...planOf(context, info, 'AccessToken'),
      where: { AND: [visibleTokens(context.caller), { id: { in: ids } }] },
    }),
})

builder.queryFields((t) => ({
  accessToken: t.prismaField({
    type: 'AccessToken',
    nullable: true,
    guard: 'tokens:read',
    description: 'One access token.',
    args: { id: t.arg.id({ required: true, description: 'The id of the token.' }) },
    resolve: (query, _root, { id }, { deps, caller }) =>
      deps.prisma.accessToken.findFirst({
        ...query,
        where: { AND: [visibleTokens(caller), hasId(id)] },
      }),
  }),
  accessTokens: t.field({
    type: modelConnection('AccessToken'),
    nullable: true,
    guard: 'tokens:read',
    description: 'The access tokens that the caller sees, ended ones included.',
    args: {
      ...pageArgs(t.arg),
      filter: t.arg({ type: AccessTokenFilter, description: 'What to narrow the list by.' }),
    },
    resolve: (_root, { filter, ...args }, context, info) => {
      const { deps, caller } = context
      const where = [visibleTokens(caller), accessTokenFilter(caller, filter ?? {})]
      return listPage(context, info, args, where, (query) =>
        deps.prisma.accessToken.findMany(query),
      )
    },
  }),
}))
