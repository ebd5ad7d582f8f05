import type { Principal } from '../../auth/caller.ts'
import { builder } from '../../builder.ts'
import { findOne, findPage, pageRequest } from '../../db/page.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { pageArgs } from '../../graphql/connection.ts'
import { AccessToken, AccessTokenConnection } from '../refs.ts'
import { accessTokenFilter, accessTokens, visibleTokens } from './access-token.queries.ts'
import { AccessTokenStatusType } from './access-token.schema.ts'

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

builder.queryFields((t) => ({
  accessToken: t.field({
    type: AccessToken,
    nullable: true,
    guard: 'tokens:read',
    description: 'One access token.',
    args: { id: t.arg.id({ required: true, description: 'The id of the token.' }) },
    resolve: (_root, { id }, { deps, caller }) =>
      findOne(deps.prisma, { ...accessTokens, where: visibleTokens(caller) }, id),
  }),
  accessTokens: t.field({
    type: AccessTokenConnection,
    nullable: true,
    guard: 'tokens:read',
    description: 'The access tokens that the caller sees, ended ones included.',
    args: {
      ...pageArgs(t.arg),
      filter: t.arg({ type: AccessTokenFilter, description: 'What to narrow the list by.' }),
    },
    resolve: (_root, { filter, ...args }, { deps, caller }) => {
      const its = accessTokenFilter(caller, filter ?? {})
      const where = Prisma.sql`${visibleTokens(caller)} AND ${its}`
      return findPage(deps.prisma, { ...accessTokens, where }, pageRequest(args))
    },
  }),
}))
