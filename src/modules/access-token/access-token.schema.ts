import type { Principal } from '../../auth/caller.ts'
import { permissionNames } from '../../auth/permissions.ts'
import { reaches } from '../../auth/policy.ts'
import type { AccessTokenState, AccessTokenStatus } from '../../generated/prisma/client.ts'
import { reachedSpaces } from '../../limits/list-size.ts'
import { builder } from '../../schema/builder.ts'
import type { Context } from '../../schema/context.ts'
import { loadList } from '../../schema/load-list.ts'
import { modelType } from '../../schema/pagination.ts'
import { apiKeyLoader, ownKey } from '../api-key/key-loaders.ts'
import { spaceLoader } from '../space/space.schema.ts'
import { maxAudience } from './access-token.input.ts'
import { tokenSpaceIdsLoader, tokenStateLoader } from './token-loaders.ts'

export const AccessTokenStatusType = builder.enumType('AccessTokenStatus', {
  description: 'Whether a token is accepted, as far as that is up to the token itself.',
  values: {
    ACTIVE: { description: 'Accepted, while its key is.' },
    ROTATED: { description: 'Refused: a successor has replaced it.' },
    EXPIRED: { description: 'Refused for good: its time is over.' },
    REVOKED: { description: 'Refused for good.' },
  } satisfies Record<AccessTokenStatus, { description: string }>,
})

const isItself = (principal: Principal, { id }: { readonly id: string }): boolean =>
  principal.kind === 'ACCESS_TOKEN' && principal.tokenId === id

/** A field of what the token is at the moment. */
const stateOf =
  <Name extends keyof AccessTokenState>(name: Name) =>
  async ({ id }: { readonly id: string }, _args: object, context: Context) =>
    (await tokenStateLoader(context).load(id))[name]

export const AccessToken = builder.prismaObject('AccessToken', {
  select: { id: true, workspaceId: true, createdAt: true },
  description: 'A short-lived token derived from a key. It never does more than its key can now.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Also the jti claim.' }),
    status: t.field({
      type: AccessTokenStatusType,
      description: 'Whether it is accepted.',
      resolve: stateOf('status'),
    }),
    apiKey: t.prismaField({
      type: 'ApiKey',
      nullable: true,
      guard: {
        permissions: ['keys:read'],
        unless: {
          note: 'A token may always read its own.',
          when: (_args, principal, token) => isItself(principal, token),
        },
      },
      description: 'The key that it is derived from.',
      select: { keyId: true },
      resolve: (query, token, _args, context, info) =>
        isItself(context.principal, token)
          ? ownKey(context, query)
          : apiKeyLoader(context, info, query).load(token.keyId),
    }),
    permissions: t.exposeStringList('permissions', {
      listSize: permissionNames.length,
      description: 'What it was minted with; what its key cannot do any more does not count.',
    }),
    allSpaces: t.exposeBoolean('allSpaces', {
      description: 'Not limited to a list of spaces. Never together with spaceIds.',
    }),
    spaceIds: t.idList({
      listSize: reachedSpaces,
      description: 'The spaces that it was minted for.',
      resolve: ({ id }, _args, context) => tokenSpaceIdsLoader(context).load(id),
    }),
    spaces: t.field({
      type: [modelType('Space')],
      nullable: true,
      guard: 'spaces:read',
      listSize: reachedSpaces,
      description: 'The spaces of the token that the caller sees.',
      resolve: async ({ id }, _args, context, info) => {
        const ids = await tokenSpaceIdsLoader(context).load(id)
        const reached = ids.filter((spaceId) => reaches(context.caller.rights, spaceId))
        return await loadList(context, () => spaceLoader(context, info), reached)
      },
    }),
    audience: t.exposeStringList('audience', {
      listSize: maxAudience,
      description: 'The audience of the token: the aud claim.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was minted.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it ends.' }),
    familyExpiresAt: t.expose('familyExpiresAt', {
      type: 'DateTime',
      description: 'When the chain of rotations that it belongs to ends.',
    }),
    predecessorId: t.exposeID('predecessorId', {
      nullable: true,
      description: 'The token that it replaced.',
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was revoked.',
    }),
    lastUsedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was last used here, to within ten seconds; null: never.',
      resolve: stateOf('lastUsedAt'),
    }),
    lastUsedIp: t.string({
      nullable: true,
      description: 'The address that it was last used from.',
      resolve: stateOf('lastUsedIp'),
    }),
  }),
})
