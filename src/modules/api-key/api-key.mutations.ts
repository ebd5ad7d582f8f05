import type { ApiKey as ApiKeyRow } from '../../generated/prisma/client.ts'
import { builder } from '../../schema/builder.ts'
import { entityField, mutation } from '../../schema/mutation.ts'
import { ApiKey } from './api-key.schema.ts'
import { ApiKeyFilterInput, filterOfMutation, LabelInput } from './api-key-filter.schema.ts'
import { createApiKey, type KeyWithSecret } from './create.ts'
import { disableApiKey, enableApiKey } from './enable.ts'
import { type RevokedKeys, revokeApiKey, revokesItself } from './revoke.ts'
import { type FoundKeys, maxShown, revokeApiKeys } from './revoke-found.ts'
import { rotateApiKey, rotatesItself } from './rotate.ts'
import { secretField } from './secret-field.ts'
import { transferApiKey } from './transfer.ts'
import { updateApiKey } from './update.ts'

interface KeyPayload {
  readonly apiKey: ApiKeyRow
}

/** A space of a key in an input, with what narrows the key there. */
export const SpaceGrantInput = builder.inputType('SpaceGrantInput', {
  description: 'A space that a key may act in.',
  fields: (t) => ({
    spaceId: t.id({ required: true, description: 'The id of the space.' }),
    permissions: t.stringList({
      description: "Narrows the key's permissions there; absent or null: all of them.",
    }),
  }),
})

const CreateApiKeyInput = builder.inputType('CreateApiKeyInput', {
  description: 'A key to make, at most as strong as the caller.',
  fields: (t) => ({
    name: t.string({ required: true, description: "Unique among the owner's live keys." }),
    description: t.string({ description: 'A description of the key.' }),
    ownerId: t.id({
      description: "The caller's own user or a machine user; by default the caller's own.",
    }),
    permissions: t.stringList({ description: 'Permissions and aliases; none by default.' }),
    scopeIds: t.idList({ description: 'Scopes to link to; at most 50.' }),
    allSpaces: t.boolean({ description: 'Every space that the owner reaches, now and later.' }),
    spaces: t.field({
      type: [SpaceGrantInput],
      description:
        'These spaces; at most 1,000. Where all permissions are held in spaces, these or allSpaces must be given; [] is none.',
    }),
    expiresAt: t.field({ type: 'DateTime', description: 'When it ends; never by default.' }),
    allowedIps: t.stringList({ description: 'Addresses and CIDR blocks; at most 50.' }),
    requestsPerMinute: t.int({ description: "Its own limit, below the plan's; 0 blocks." }),
    externalId: t.string({
      description: "The integration's own id for it, of 1 to 255 characters.",
    }),
    labels: t.field({ type: [LabelInput], description: 'At most 20 labels, each name once.' }),
  }),
})

mutation<typeof CreateApiKeyInput.$inferInput, KeyWithSecret>('createApiKey', {
  description: 'Makes a key. Its secret is in the answer and nowhere else.',
  guard: 'keys:create',
  input: CreateApiKeyInput,
  payloadDescription:
    'The only place, with the rotate, migrate and transfer payloads, where a secret is ever shown.',
  payload: (t) => ({
    apiKey: entityField(t, 'apiKey', ApiKey, 'The new key.'),
    secret: secretField(t),
  }),
  run: (context, input) => createApiKey(context, input),
})

const UpdateApiKeyInput = builder.inputType('UpdateApiKeyInput', {
  description: 'The changes of a key; absent fields stay, lists replace as a whole.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The id of the key.' }),
    name: t.string({ description: "Unique among the owner's live keys." }),
    description: t.string({ description: 'A description of the key; null clears it.' }),
    permissions: t.stringList({ description: 'Permissions and aliases anew; [] is none.' }),
    scopeIds: t.idList({ description: 'Linked scopes anew; [] is none.' }),
    allSpaces: t.boolean({ description: 'true empties the list of spaces.' }),
    spaces: t.field({ type: [SpaceGrantInput], description: 'Its spaces anew; [] is none.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'When it ends; null: not by itself.' }),
    allowedIps: t.stringList({ description: 'Addresses and CIDR blocks anew; null: any.' }),
    requestsPerMinute: t.int({ description: "Its own limit; null: the plan's." }),
    externalId: t.string({ description: "The integration's own id for it; null clears it." }),
    labels: t.field({ type: [LabelInput], description: 'Its labels anew; null or [] is none.' }),
  }),
})

mutation<typeof UpdateApiKeyInput.$inferInput, KeyPayload>('updateApiKey', {
  description: 'Changes a live key.',
  guard: 'keys:update',
  input: UpdateApiKeyInput,
  payload: (t) => ({ apiKey: entityField(t, 'apiKey', ApiKey, 'The key as it is now.') }),
  run: async (context, input) => ({ apiKey: await updateApiKey(context, input) }),
})

const RotateApiKeyInput = builder.inputType('RotateApiKeyInput', {
  description: 'Which key to rotate, and how the old secret ends.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The id of the key.' }),
    overlapSeconds: t.int({
      description:
        "How long the old secret still works: 0 (at once) to 604800 (7 days), never past the key's expiry; 3600 by default.",
    }),
    retirePreviousOnFirstUse: t.boolean({
      description:
        'Ends the overlap early, when the new secret is first used: a lost response costs nothing.',
    }),
    expectedRotatedAt: t.field({
      type: 'DateTime',
      description:
        "The key's rotatedAt as the caller saw it: rotates at once if it still is that, else CONFLICT. Without it a rotation within 30 s of another is CONFLICT.",
    }),
  }),
})

mutation<typeof RotateApiKeyInput.$inferInput, KeyWithSecret>('rotateApiKey', {
  description: 'A new secret for the same key: same id, settings, counters and expiry.',
  guard: {
    permissions: ['keys:update'],
    unless: {
      note: 'A key that holds `keys:rotate` may rotate itself.',
      when: ({ input }, principal) => rotatesItself(principal, input),
    },
  },
  input: RotateApiKeyInput,
  payload: (t) => ({
    apiKey: entityField(t, 'apiKey', ApiKey, 'The key.'),
    secret: secretField(t),
  }),
  run: (context, input) => rotateApiKey(context, input),
})

const RevokeApiKeyInput = builder.inputType('RevokeApiKeyInput', {
  description: 'Which key to revoke.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The id of the key.' }),
    reason: t.string({ description: 'Why; kept with the key.' }),
    includeCreated: t.boolean({
      description:
        'Also every key that this one made or was given the present secret of, and theirs, in one transaction. Of a user-level legacy key that ends in every workspace, in each that its owner is in.',
    }),
  }),
})

mutation<typeof RevokeApiKeyInput.$inferInput, RevokedKeys>('revokeApiKey', {
  description:
    'For good, at once. Repeating it changes nothing. A user-level legacy key ends in every workspace by itself and by its owner, signed in; by anybody else in this one.',
  guard: {
    permissions: ['keys:delete'],
    unless: {
      note: 'A key may always revoke itself.',
      when: ({ input }, principal) => revokesItself(principal, input),
    },
  },
  input: RevokeApiKeyInput,
  payload: (t) => ({
    apiKey: entityField(t, 'apiKey', ApiKey, 'The key.'),
    revokedCount: t.int({
      nullable: true,
      description:
        'How many keys this revoked: 0 when it was revoked before. A key that ends in several workspaces is one.',
      resolve: ({ revokedCount }) => revokedCount ?? null,
    }),
  }),
  run: (context, input) => revokeApiKey(context, input),
})

const RevokeApiKeysInput = builder.inputType('RevokeApiKeysInput', {
  description: 'Which keys to revoke.',
  fields: (t) => ({
    filter: t.field({
      type: ApiKeyFilterInput,
      required: true,
      description: 'Finds the keys, at most 1,000; it must name something.',
    }),
    reason: t.string({ description: 'Why; kept with each key.' }),
    dryRun: t.boolean({
      defaultValue: false,
      description: 'Checks everything and shows the keys; revokes nothing.',
    }),
  }),
})

mutation<typeof RevokeApiKeysInput.$inferInput, FoundKeys>('revokeApiKeys', {
  description:
    'Revokes, each as revokeApiKey does, every visible key that the filter finds, the calling key included, in one transaction: all of them, or none where the caller may not revoke one. Keys revoked before are not found.',
  guard: 'keys:delete',
  input: RevokeApiKeysInput,
  payload: (t) => ({
    revokedCount: t.int({
      nullable: true,
      description: 'How many keys this revoked, or with dryRun would revoke.',
      resolve: ({ revokedCount }) => revokedCount ?? null,
    }),
    apiKeys: t.field({
      type: [ApiKey],
      nullable: true,
      guard: 'public',
      listSize: maxShown,
      description: 'The newest 100 of these keys; null with errors.',
      resolve: ({ apiKeys }) => apiKeys ?? null,
    }),
  }),
  run: (context, { filter, ...input }) =>
    revokeApiKeys(context, { ...input, filter: filterOfMutation(filter) }),
})

const DisableApiKeyInput = builder.inputType('DisableApiKeyInput', {
  description: 'Which key to disable.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The id of the key.' }) }),
})

mutation<typeof DisableApiKeyInput.$inferInput, KeyPayload>('disableApiKey', {
  description: 'Reversible: refused until enabled again.',
  guard: 'keys:update',
  input: DisableApiKeyInput,
  payload: (t) => ({ apiKey: entityField(t, 'apiKey', ApiKey, 'The key.') }),
  run: async (context, input) => ({ apiKey: await disableApiKey(context, input) }),
})

const EnableApiKeyInput = builder.inputType('EnableApiKeyInput', {
  description: 'Which key to enable.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The id of the key.' }) }),
})

mutation<typeof EnableApiKeyInput.$inferInput, KeyPayload>('enableApiKey', {
  description: 'Accepts a disabled key again.',
  guard: 'keys:update',
  input: EnableApiKeyInput,
  payload: (t) => ({ apiKey: entityField(t, 'apiKey', ApiKey, 'The key.') }),
  run: async (context, input) => ({ apiKey: await enableApiKey(context, input) }),
})

const TransferApiKeyInput = builder.inputType('TransferApiKeyInput', {
  description: 'A key, and the machine user to give it to.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The id of the key.' }),
    ownerId: t.id({ required: true, description: "A machine user's user id." }),
  }),
})

mutation<typeof TransferApiKeyInput.$inferInput, KeyWithSecret>('transferApiKey', {
  description: 'Gives a key to a machine user, under a new secret; the old one ends at once.',
  guard: 'keys:update',
  input: TransferApiKeyInput,
  payload: (t) => ({
    apiKey: entityField(t, 'apiKey', ApiKey, 'The key.'),
    secret: secretField(t),
  }),
  run: (context, input) => transferApiKey(context, input),
})
