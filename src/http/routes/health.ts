import type { Deps } from '../../deps.ts'
import { jsonReply, type Route } from './route.ts'

/** The process answers. */
export const health: Route = () => jsonReply(200, { status: 'ok' })

/** The database, which was migrated before the port was opened, answers too. */
export const ready =
  ({ prisma, logger }: Deps): Route =>
  async () => {
    try {
      await prisma.$queryRaw`SELECT 1`
      return jsonReply(200, { status: 'ready' })
    } catch (error) {
      logger.warn({ err: error }, 'not ready')
      return jsonReply(503, { status: 'database unavailable' }, { 'retry-after': '1' })
    }
  }
