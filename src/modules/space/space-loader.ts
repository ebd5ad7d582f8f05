import type { Context, DataLoader } from '../../context.ts'
import { findByIds } from '../../db/page.ts'
import type { Space } from '../../generated/prisma/client.ts'
import { spaces, visibleSpaces } from './space.queries.ts'

/** The spaces of these ids, each null where the caller does not see it. */
export const spaceLoader = (context: Context): DataLoader<Space | null> =>
  context.batch('space', (ids) =>
    findByIds<Space>(context.deps.prisma, { ...spaces, where: visibleSpaces(context.caller) }, ids),
  )
