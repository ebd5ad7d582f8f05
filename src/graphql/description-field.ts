import type { ObjectFieldBuilder } from '@pothos/core'
import type { Types } from '../builder.ts'

/** What something with a name is for. */
export const descriptionField = <Row extends { readonly description: string | null }>(
  t: ObjectFieldBuilder<Types, Row>,
) =>
  t.string({
    nullable: true,
    description: 'What it is for.',
    resolve: (row) => (row as Row).description,
  })
