import type { Deps } from '../../deps.ts'
import type { Route } from './route.ts'

/** What Prometheus reads, in its text format. */
export const metricsPage =
  ({ metrics: { registry } }: Deps): Route =>
  async () => ({
    status: 200,
    headers: { 'content-type': registry.contentType },
    body: await registry.metrics(),
  })
