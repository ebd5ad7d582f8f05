import type { ObjectFieldBuilder } from '@pothos/core'
import type { AccessToken as AccessTokenRow } from '../../generated/prisma/client.ts'
import { builder, type Types } from '../../schema/builder.ts'
import { entityField, mutation, type Payload } from '../../schema/mutation.ts'
import { AccessToken } from './access-token.schema.ts'
import { createAccessToken } from './create.ts'
import type { IssuedToken } from './issue.ts'
import { revokeAccessToken, revokeAccessTokens, revokesItsOwn } from './revoke.ts'
import { rotateAccessToken } from './rotate.ts'

const issuedFields = (t: ObjectFieldBuilder<Types, Payload<IssuedToken>>) => ({
  accessToken: entityField(t, 'accessToken', AccessToken, 'The new token, as it is listed.'),
  token: t.string({
    nullable: true,
    guard: 'public',
    description: 'The token itself, a signed JWT: shown this once.',
    resolve: ({ token }) => token ?? null,
  }),
  expiresInSeconds: t.int({
    nullable: true,
    description: 'How long it lives.',
    resolve: ({ expiresInSeconds }) => expiresInSeconds ?? null,
  }),
})

const lifetimeDescription = "60 to 3600; 900 by default, then cut to the key's expiry."

const CreateAccessTokenInput = builder.inputType('CreateAccessTokenInput', {
  description: 'How the token is narrower than its key.',
  fields: (t) => ({
    permissions: t.stringList({ description: "A subset of the key's; by default all of them." }),
    spaceIds: t.idList({ description: "A subset of the key's; by default all of them." }),
    expiresInSeconds: t.int({ description: lifetimeDescription }),
    audience: t.stringList({
      description:
        'The audience of the token, at most 5 absolute URIs; by default this server. Any address below its public one names it.',
    }),
  }),
})

mutation<typeof CreateAccessTokenInput.$inferInput, IssuedToken>('createAccessToken', {
  description: 'A short-lived token of the calling key, for itself. Needs no permission.',
  guard: 'public',
  input: CreateAccessTokenInput,
  payload: issuedFields,
  run: (context, input) => createAccessToken(context, input),
})

const RotateAccessTokenInput = builder.inputType('RotateAccessTokenInput', {
  description: 'The calling token itself; no other can be rotated.',
  fields: (t) => ({ expiresInSeconds: t.int({ description: lifetimeDescription }) }),
})

mutation<typeof RotateAccessTokenInput.$inferInput, IssuedToken>('rotateAccessToken', {
  description:
    'A successor of the calling token, which ends at once. When a token that has ended asks again, after 30 seconds, its whole chain is revoked. Needs no permission.',
  guard: 'public',
  input: RotateAccessTokenInput,
  payload: issuedFields,
  run: (context, input) => rotateAccessToken(context, input),
})

const RevokeAccessTokenInput = builder.inputType('RevokeAccessTokenInput', {
  description: 'Which token to revoke.',
  fields: (t) => ({ id: t.id({ description: 'By default the calling token itself.' }) }),
})

mutation<typeof RevokeAccessTokenInput.$inferInput, { accessToken: AccessTokenRow }>(
  'revokeAccessToken',
  {
    description:
      'Ends a token for good, at once, and with one that has been replaced its whole chain; the key stays. Repeating it changes nothing.',
    guard: {
      permissions: ['tokens:delete'],
      unless: {
        // Whose token it is shows once it is found: the service asks for the permission then.
        note: 'A token may revoke itself, and a key its own.',
        when: ({ input }, { kind }) => kind !== 'HUMAN' || typeof input.id !== 'string',
      },
    },
    input: RevokeAccessTokenInput,
    payload: (t) => ({ accessToken: entityField(t, 'accessToken', AccessToken, 'The token.') }),
    run: async (context, input) => ({ accessToken: await revokeAccessToken(context, input) }),
  },
)

const RevokeAccessTokensInput = builder.inputType('RevokeAccessTokensInput', {
  description: 'The key whose tokens to revoke.',
  fields: (t) => ({ apiKeyId: t.id({ required: true, description: 'The id of the key.' }) }),
})

mutation<typeof RevokeAccessTokensInput.$inferInput, { revokedCount: number }>(
  'revokeAccessTokens',
  {
    description: 'Ends every live token of a key, for good, at once; the key stays.',
    guard: {
      permissions: ['tokens:delete'],
      unless: {
        note: 'A key may always revoke its own.',
        when: ({ input }, principal) => revokesItsOwn(principal, input),
      },
    },
    input: RevokeAccessTokensInput,
    payload: (t) => ({
      revokedCount: t.int({
        nullable: true,
        description: 'How many tokens this revoked.',
        resolve: ({ revokedCount }) => revokedCount ?? null,
      }),
    }),
    run: async (context, input) => ({ revokedCount: await revokeAccessTokens(context, input) }),
  },
)
