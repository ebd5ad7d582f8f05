import { z } from 'zod'
import { name } from '../../input/text.ts'

export const createSessionInput = z.object({
  agentId: z.string(),
  reference: name.nullable().default(null),
})
