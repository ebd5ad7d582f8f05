import { z } from 'zod'
import { accessLevels } from '../../auth/access-level.ts'
import { name, text } from '../../input/text.ts'

const description = text(1_000)
/** They make one set, which is looked at as a whole. */
const set = {
  permissions: z.array(z.string()).nullish(),
  agentAccess: z.enum(accessLevels).nullish(),
}

export const createScopeInput = z.object({ name, description: description.default(null), ...set })

export const updateScopeInput = z
  .object({ name, description })
  .exactPartial()
  .extend({ id: z.string(), ...set })
