import type { Deps } from '../../deps.ts'
import { jsonResponse } from '../respond.ts'

/** The process answers. */
export const health = (): Response => jsonResponse(200, { status: 'ok' })

/** The database, which was migrated before the port was opened, answers too. */
export async function ready({ prisma, logger }: Deps): Promise<Response> {
  try {
    await prisma.$queryRaw`SELECT 1`
    return jsonResponse(200, { status: 'ready' })
  } catch (error) {
    logger.warn({ err: error }, 'not ready')
    return jsonResponse(503, { status: 'database unavailable' }, { 'retry-after': '1' })
  }
}
