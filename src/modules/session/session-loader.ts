import type { Context, DataLoader } from '../../context.ts'
import { findByIds } from '../../db/page.ts'
import type { Session } from '../../generated/prisma/client.ts'
import { sessions, visibleSessions } from './session.queries.ts'

/** The sessions of these ids, each null where the caller does not see it. */
export const sessionLoader = (context: Context): DataLoader<Session | null> =>
  context.batch('session', (ids) => {
    const where = visibleSessions(context.caller)
    return findByIds<Session>(context.deps.prisma, { ...sessions, where }, ids)
  })
