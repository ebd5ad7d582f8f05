import { z } from 'zod'
import { instant } from '../../input/instant.ts'
import { name, text } from '../../input/text.ts'

const description = text(1_000)

/** What a key is called; what it may do is read by `keyTermsInput`. */
export const createApiKeyInput = z.object({ name, description: description.default(null) })

/** The same where it changes. */
export const updateApiKeyInput = z.object({ name, description }).exactPartial()

/** How long a replaced secret works at most, in seconds. */
export const maxOverlapSeconds = 604_800
const overlaps = `An overlap is 0 to ${maxOverlapSeconds} seconds (7 days).`

/** How long a replaced secret still works, in seconds: an hour by default. */
export const overlapSeconds = z
  .int()
  .min(0, overlaps)
  .max(maxOverlapSeconds, overlaps)
  .nullish()
  .transform((seconds) => seconds ?? 3_600)

export const rotateApiKeyInput = z.object({
  id: z.string(),
  overlapSeconds,
  retirePreviousOnFirstUse: z.boolean().nullish(),
  expectedRotatedAt: instant.nullish(),
})

export const revokeApiKeyInput = z.object({
  id: z.string(),
  reason: text(500).default(null),
  includeCreated: z.boolean().nullish(),
})
