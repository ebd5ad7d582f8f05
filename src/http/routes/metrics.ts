import { Response } from '@whatwg-node/server'
import type { Deps } from '../../deps.ts'

/** What Prometheus reads, in its text format. */
export async function metricsPage({ metrics: { registry } }: Deps): Promise<Response> {
  const headers = { 'content-type': registry.contentType, 'cache-control': 'no-store' }
  return new Response(await registry.metrics(), { headers })
}
