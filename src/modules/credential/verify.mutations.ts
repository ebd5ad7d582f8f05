import { permissionNames } from '../../auth/permissions.ts'
import { limitSubjects } from '../../limits/buckets.ts'
import { builder } from '../../schema/builder.ts'
import { mutation } from '../../schema/mutation.ts'
import { ownKey } from '../api-key/key-loaders.ts'
import { RateLimit } from '../rate-limit/rate-limit.schema.ts'
import { prepareVerification, type Verdict, type VerdictCode } from './verify.ts'

export const VerdictCodeType = builder.enumType('VerdictCode', {
  description: 'The first rule of the decision that refuses a credential, or that none does.',
  values: {
    VALID: { description: 'Good for all that was asked.' },
    MALFORMED: { description: 'No well-formed key or token.' },
    NOT_FOUND: { description: 'Not known in this workspace.' },
    EXPIRED: { description: 'Its time is over.' },
    REVOKED: { description: 'Revoked.' },
    ROTATED: { description: 'Replaced by a newer one.' },
    DISABLED: { description: 'Disabled, until it is enabled again.' },
    OWNER_REMOVED: { description: 'Its owner is no longer a member.' },
    IP_NOT_ALLOWED: { description: "The key's address rule does not let the address in." },
    INSUFFICIENT_PERMISSIONS: { description: 'It lacks permissions that were asked for.' },
    SPACE_NOT_ALLOWED: { description: 'A space that was asked for is not within its reach.' },
    RATE_LIMITED: { description: 'Its key or workspace is over its limit, or the address is.' },
  } satisfies Record<VerdictCode, { description: string }>,
})

const VerifyApiKeyInput = builder.inputType('VerifyApiKeyInput', {
  description: 'A credential that was presented, and what it is to be good for.',
  fields: (t) => ({
    secret: t.string({ required: true, description: 'A key or an access token.' }),
    permissions: t.stringList({
      description:
        'Permissions and aliases that it must have: in every space of spaceIds, or workspace-wide without any.',
    }),
    spaceIds: t.idList({ description: 'Spaces that it must reach; at most 1,000.' }),
    ip: t.string({ description: "The end client's address, for the key's address rule." }),
    cost: t.int({ description: 'The cost to charge, 0 to 1,000; 1 by default. 0 only looks.' }),
  }),
})

mutation<typeof VerifyApiKeyInput.$inferInput, Verdict>('verifyApiKey', {
  description:
    "For a gateway or another service: is this secret good for these permissions in these spaces? Charges the verified key's limits, not the caller's.",
  guard: 'keys:verify',
  isFree: true,
  input: VerifyApiKeyInput,
  payload: (t) => ({
    valid: t.boolean({
      description: 'Whether the code is VALID.',
      resolve: ({ code }) => code === 'VALID',
    }),
    code: t.field({
      type: VerdictCodeType,
      guard: 'public',
      description: 'The verdict; with errors, for which there is none, never VALID.',
      resolve: ({ code }) => code ?? 'INSUFFICIENT_PERMISSIONS',
    }),
    apiKey: t.prismaField({
      type: 'ApiKey',
      nullable: true,
      guard: 'public',
      description:
        'The key, or the key of the token; null where the secret is not known. It costs the caller 1.',
      resolve: (query, { caller }, _args, { deps }) =>
        caller === undefined ? null : ownKey({ deps, caller }, query),
    }),
    permissions: t.stringList({
      nullable: true,
      listSize: permissionNames.length,
      description:
        'Effective in every space of spaceIds, or workspace-wide without any; empty for a refused credential, null for one that is not known.',
      resolve: ({ permissions }) => (permissions ? [...permissions] : null),
    }),
    missingPermissions: t.stringList({
      listSize: permissionNames.length,
      description: 'The permissions that were asked for and that it lacks, aliases expanded.',
      resolve: ({ missingPermissions }) => [...(missingPermissions ?? [])],
    }),
    rateLimits: t.field({
      type: [RateLimit],
      guard: 'public',
      listSize: limitSubjects.length,
      description: "The verified key's limits, this verification counted.",
      resolve: ({ rateLimits }) => [...(rateLimits ?? [])],
    }),
  }),
  run: async (context, { secret, ...asked }) => prepareVerification(context, asked)(secret),
})
