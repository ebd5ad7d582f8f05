import { z } from 'zod'
import { SpaceVisibility } from '../../generated/prisma/enums.ts'
import { name, text } from '../../input/text.ts'

const description = text(1_000)

export const createSpaceInput = z.object({
  name,
  description: description.default(null),
  visibility: z.enum(SpaceVisibility).nullish(),
})

export const updateSpaceInput = z
  .object({
    visibility: z.enum(SpaceVisibility, 'A visibility cannot be null.'),
    name,
    description,
  })
  .exactPartial()
  .extend({ id: z.string() })
