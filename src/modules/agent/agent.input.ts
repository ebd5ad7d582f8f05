import { z } from 'zod'
import { AgentStatus } from '../../generated/prisma/enums.ts'
import { name, text } from '../../input/text.ts'

/** How many spaces an agent lives in. */
export const maxSpaces = 1_000

const noSpace = 'An agent lives in at least one space.'

const texts = {
  name,
  description: text(1_000),
  instructions: text(32_768),
  model: name.nullable(),
}

const spaceIds = z
  .array(z.string(), noSpace)
  .min(1, noSpace)
  .max(maxSpaces, `At most ${maxSpaces} spaces are possible.`)

export const createAgentInput = z
  .object({ ...texts, spaceIds })
  .exactPartial({ description: true, instructions: true, model: true })

export const updateAgentInput = z
  .object({ ...texts, status: z.enum(AgentStatus, 'A status cannot be null.'), spaceIds })
  .exactPartial()
  .extend({ id: z.string(), expectedVersion: z.int().nullish() })
