import { z } from 'zod'
import { instant } from '../../input/instant.ts'
import { name } from '../../input/text.ts'

/** A century: dates stay within what a DateTime can tell. */
const maxLifetimeDays = 36_500
const lifetimes = `1 to ${maxLifetimeDays} days are possible.`

const noSlug = 'A slug has 1 to 63 lower-case letters, digits and hyphens, none at either end.'

/** A workspace's slug, as a label of a host name. */
const slug = z.string(noSlug).regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, noSlug)

export const createWorkspaceInput = z.object({ name, slug })

export const updateWorkspaceInput = z
  .object({
    name,
    slug,
    maxKeyLifetimeDays: z.int().min(1, lifetimes).max(maxLifetimeDays, lifetimes).nullable(),
    legacyKeySunsetAt: instant,
  })
  .exactPartial()
