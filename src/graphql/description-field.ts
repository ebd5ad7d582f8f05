import type { ObjectFieldBuilder } from '@pothos/core'
import type { Types } from '../builder.ts'
import { shownText } from './long-text.ts'

/** What something with a name is for; it counts for what an operation shows. */
export const descriptionField = <Row extends { readonly description: string | null }>(
  t: ObjectFieldBuilder<Types, Row>,
) =>
  t.string({
    nullable: true,
    description: 'What it is for.',
    resolve: (row, _args, context) => shownText(context, (row as Row).description),
  })
