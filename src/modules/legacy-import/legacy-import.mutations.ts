import { builder } from '../../schema/builder.ts'
import { entityField, errorsField, mutation } from '../../schema/mutation.ts'
import { SpaceGrantInput } from '../api-key/api-key.mutations.ts'
import { ApiKey } from '../api-key/api-key.schema.ts'
import type { KeyWithSecret } from '../api-key/create.ts'
import { secretField } from '../api-key/secret-field.ts'
import { type ImportedKey as ImportedKeyRow, importLegacyKeys } from './import-keys.ts'
import { type LegacyKeyEncoding, maxErrorsPerKey } from './legacy-key.input.ts'
import { migrateLegacyKey } from './migrate.ts'

const LegacyKeyEncodingType = builder.enumType('LegacyKeyEncoding', {
  description: 'How the value of a legacy key is written.',
  values: {
    PLAINTEXT: {
      description:
        'The secret itself, 16 to 512 printable ASCII characters without blanks; only its hash is kept.',
    },
    SHA256_HEX: { description: 'The SHA-256 of the secret, 64 hex digits.' },
    SHA256_BASE64: {
      description: 'The SHA-256 of the secret, 44 characters of base64, padding included.',
    },
  } satisfies Record<LegacyKeyEncoding, { description: string }>,
})

const LegacyKeyInput = builder.inputType('LegacyKeyInput', {
  description: 'A key that was issued elsewhere.',
  fields: (t) => ({
    name: t.string({ required: true, description: "Unique among the owner's live keys." }),
    value: t.string({
      required: true,
      description: 'The secret, or its hash, exactly as encoding says.',
    }),
    encoding: t.field({
      type: LegacyKeyEncodingType,
      required: true,
      description: 'How value is written; a hash where the operator has allowed it.',
    }),
    start: t.string({
      description:
        'First characters, to show; needed with a hash, at most 12; ignored with PLAINTEXT.',
    }),
    last4: t.string({
      description:
        'Last characters, to show; needed with a hash, at most 4; ignored with PLAINTEXT.',
    }),
    ownerId: t.id({ required: true, description: "The caller's own user or a machine user." }),
    spaceIds: t.idList({
      description:
        'These spaces; at most 1,000. A single-space key of the old system becomes a key with that one grant.',
    }),
    allSpaces: t.boolean({ description: 'Every space that the owner reaches, now and later.' }),
    permissions: t.stringList({ description: 'Permissions and aliases; none by default.' }),
  }),
})

const ImportLegacyKeysInput = builder.inputType('ImportLegacyKeysInput', {
  description: 'Keys to take in.',
  fields: (t) => ({
    keys: t.field({
      type: [LegacyKeyInput],
      required: true,
      description: 'The keys, each of which costs 1: at most 1,000 in an operation.',
    }),
    dryRun: t.boolean({
      description:
        'Checks everything, stores nothing. Whether a secret is known as somebody else’s is not told.',
    }),
  }),
})

type ImportInput = typeof ImportLegacyKeysInput.$inferInput

const ImportedKey = builder.objectRef<ImportedKeyRow>('ImportedKey').implement({
  description: 'The result of one key of an import.',
  leafFields: 'public',
  fields: (t) => ({
    index: t.exposeInt('index', { description: 'Its place in the input, from 0.' }),
    apiKey: entityField(
      t,
      'apiKey',
      ApiKey,
      'The key, imported now or before; null with errors, and for one that a dry run would import.',
    ),
    errors: errorsField(t, 'What is wrong with it; empty when it was imported.', maxErrorsPerKey),
  }),
})

mutation<ImportInput, { readonly results: ImportedKeyRow[] }>('importLegacyKeys', {
  description:
    'Takes in keys issued elsewhere, by secret or by hash, until a sunset date. Each is imported by itself, or told what is wrong with it; the same one again changes nothing. Legacy keys can be imported, never created.',
  guard: 'keys:create',
  cost: ({ keys }) => keys.length,
  input: ImportLegacyKeysInput,
  payload: (t) => ({
    results: t.field({
      type: [ImportedKey],
      guard: 'public',
      listSize: ({ args }) => (args.input as ImportInput).keys.length,
      description: 'One of each key, in their order; none with errors.',
      resolve: ({ results = [] }) => results,
    }),
  }),
  run: async (context, input) => ({ results: await importLegacyKeys(context, input) }),
})

const MigrateLegacyKeyInput = builder.inputType('MigrateLegacyKeyInput', {
  description: 'Which legacy key to migrate, and what it is to be; absent fields stay.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The id of the key; it stays.' }),
    permissions: t.stringList({ description: 'Permissions and aliases anew; [] is none.' }),
    scopeIds: t.idList({ description: 'Linked scopes anew; [] is none.' }),
    allSpaces: t.boolean({ description: 'true empties the list of spaces.' }),
    spaces: t.field({ type: [SpaceGrantInput], description: 'Its spaces anew; [] is none.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'When it ends; null: not by itself.' }),
    overlapSeconds: t.int({
      description:
        "How long the legacy secret still works: 0 (at once) to 604800 (7 days), never past the key's expiry or the sunset; 3600 by default.",
    }),
  }),
})

mutation<typeof MigrateLegacyKeyInput.$inferInput, KeyWithSecret>('migrateLegacyKey', {
  description:
    'Turns a legacy key into an ordinary key with explicit grants and a new secret; the legacy secret lives on for the overlap.',
  guard: 'keys:update',
  input: MigrateLegacyKeyInput,
  payload: (t) => ({
    apiKey: entityField(t, 'apiKey', ApiKey, 'The key as it is now.'),
    secret: secretField(t),
  }),
  run: (context, input) => migrateLegacyKey(context, input),
})
