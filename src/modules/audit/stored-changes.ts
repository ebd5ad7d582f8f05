import { z } from 'zod'

const storedChanges = z.array(
  z.object({ field: z.string(), before: z.string().nullable(), after: z.string().nullable() }),
)

/** A field that changed, each value as JSON text. */
export type StoredChange = z.output<typeof storedChanges>[number]

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What is stored of an event's changes. What nobody here has written is shown as it is, and hides no event. */
export const changesOf = (text: string): StoredChange[] =>
  storedChanges.safeParse(parsed(text)).data ?? [
    { field: 'changes', before: null, after: JSON.stringify(text) },
  ]
