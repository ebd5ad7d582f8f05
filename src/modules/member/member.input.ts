import { z } from 'zod'
import { roles } from '../../auth/roles.ts'
import { email } from '../../input/email.ts'
import { name } from '../../input/text.ts'

const maxSpaces = 1_000

export const addMemberInput = z.object({ email, name: name.nullish(), role: z.enum(roles) })

export const updateMemberInput = z
  .object({ role: z.enum(roles, 'A role cannot be null.'), name })
  .exactPartial()
  .extend({ id: z.string() })

export const createMachineUserInput = z.object({
  name,
  role: z.enum(roles),
  spaceIds: z
    .array(z.string())
    .max(maxSpaces, `At most ${maxSpaces} spaces are possible.`)
    .nullish()
    .transform((ids) => ids ?? []),
})
