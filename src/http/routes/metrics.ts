import { timingSafeEqual } from 'node:crypto'
import { hashSecret } from '../../auth/credentials/hash.ts'
import type { Deps } from '../../deps.ts'
import { jsonReply, type Route } from './route.ts'

/** Whether the Authorization header holds that token. Hashes are compared, so that no time tells of it. */
function presents({ headers }: Request, token: string): boolean {
  const [, given = ''] = /^bearer +(\S+)$/i.exec(headers.get('authorization') ?? '') ?? []
  return timingSafeEqual(hashSecret(given), hashSecret(token))
}

/**
 * What Prometheus reads, in its text format.
 *
 * @param token METRICS_TOKEN; undefined: no token is needed
 */
export const metricsPage =
  ({ metrics: { registry } }: Deps, token: string | undefined): Route =>
  async ({ request }) => {
    if (token !== undefined && !presents(request, token)) {
      const error = 'Send METRICS_TOKEN in the Authorization header, as a Bearer token.'
      return jsonReply(401, { error }, { 'www-authenticate': 'Bearer' })
    }
    const body = await registry.metrics()
    return { status: 200, headers: { 'content-type': registry.contentType }, body }
  }
