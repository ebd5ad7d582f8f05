import { z } from 'zod'
import { instant } from '../../input/instant.ts'
import { name, text, visibleLine } from '../../input/text.ts'
import { labels } from './labels.ts'

const description = text(1_000)

/** The integration's own id for a key, of 1 to 255 characters; compared as it is written. */
export const externalId = visibleLine('An external id', 255)

/** What a key is called and found by; what it may do is read by `keyTermsInput`. */
export const createApiKeyInput = z.object({
  name,
  description: description.default(null),
  externalId: externalId.nullable().default(null),
  labels: labels.default([]),
})

/** What a key is called and found by. */
export type KeyDetails = z.output<typeof createApiKeyInput>

/** The same where it changes. */
export const updateApiKeyInput = z
  .object({ name, description, externalId: externalId.nullable(), labels })
  .exactPartial()

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

const reason = text(500).default(null)

export const revokeApiKeyInput = z.object({
  id: z.string(),
  reason,
  includeCreated: z.boolean().nullish(),
})

export const revokeApiKeysInput = z.object({
  reason,
  dryRun: z
    .boolean()
    .nullish()
    .transform((given) => given ?? false),
})
