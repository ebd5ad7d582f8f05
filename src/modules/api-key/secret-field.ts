import type { ObjectFieldBuilder } from '@pothos/core'
import type { Types } from '../../schema/builder.ts'

/** The one field that carries a secret, of the payloads that may. */
export const secretField = (
  t: ObjectFieldBuilder<Types, { readonly secret?: string; readonly errors: readonly unknown[] }>,
) =>
  t.string({
    nullable: true,
    guard: 'public',
    description: 'The secret: shown this once. Keep it; nobody can show it again.',
    resolve: ({ secret }) => secret ?? null,
  })
