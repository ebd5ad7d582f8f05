import type { Endpoint, EndpointSettings } from './endpoint.ts'
import type { RunRegistry } from './run-registry.ts'

/** What the settings say of where agents run. */
export interface RuntimeSettings extends Omit<EndpointSettings, 'url'> {
  /** Absent: nowhere. */
  readonly url?: string | undefined
  /** Of agents that name none. */
  readonly model?: string | undefined
}

/** Where agents run, and what runs at the moment. */
export interface Runtime {
  /** Undefined: AGENT_RUNTIME_URL is not set. */
  readonly endpoint: Endpoint | undefined
  readonly model: string | undefined
  readonly timeoutSeconds: number
  readonly underWay: RunRegistry
}

/** The runtime of a process, over the runs that it has taken on. */
export async function createRuntime(
  { url, model, timeoutSeconds, ...rest }: RuntimeSettings,
  underWay: RunRegistry,
): Promise<Runtime> {
  const kept = { model, timeoutSeconds, underWay }
  if (url === undefined) return { endpoint: undefined, ...kept }
  // The client is large: who runs no agents does not load it.
  const { createEndpoint } = await import('./endpoint.ts')
  return { endpoint: createEndpoint({ url, timeoutSeconds, ...rest }), ...kept }
}
