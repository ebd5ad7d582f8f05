import { seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World, type WorldOptions } from '../setup/world.ts'
import { type Latchkey, serveLatchkey } from './latchkey.ts'
import { type Received, type Service, startService } from './service.ts'

/** The outcome of a request to the gateway. */
export interface Outcome {
  readonly status: number
  readonly headers: Headers
  /** What reached the service; undefined: nothing did. */
  readonly received: Received | undefined
}

/** Sends a request with a key, or without. */
export type Ask = (secret: string | null, path: string, init?: RequestInit) => Promise<Outcome>

/** Latchkey on a database of its own, and a service: what a gateway stands before. */
export interface Backend {
  /** May be closed early. */
  readonly world: World
  readonly workspace: TestWorkspace
  readonly latchkey: Latchkey
  readonly service: Service
  /** The gateway's own key. */
  readonly verifier: { readonly id: string; readonly secret: string }
}

/** Takes what is to be ended, in reverse order. */
export type Later = (end: () => Promise<unknown>) => void

export async function openBackend(later: Later, options: WorldOptions): Promise<Backend> {
  const opened = await createWorld(options)
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= opened.close()
    return closing
  }
  later(close)
  const world = { ...opened, close }
  const workspace = await world.createWorkspace()
  const verifier = await seed(world, workspace.secret).key({
    name: 'gateway',
    permissions: ['keys:read', 'keys:verify'],
  })
  const latchkey = await serveLatchkey(world)
  later(latchkey.stop)
  const service = await startService()
  later(service.close)
  return { world, workspace, latchkey, service, verifier }
}

/**
 * Opens something for a whole file: outside of a hook, which can give up on what still goes on.
 * Whatever was started is ended by `close`, and when the rest does not start.
 */
export async function withClose<Opened>(
  open: (later: Later) => Promise<Opened>,
): Promise<Opened & { close(): Promise<void> }> {
  const ends: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (const end of ends.reverse()) await end()
  }
  try {
    return { ...(await open((end) => void ends.push(end))), close }
  } catch (error) {
    await close()
    throw error
  }
}

let asked = 0

/** Sends requests to a gateway that listens there, each with a mark to know it by at the service. */
export const askOver =
  (port: number, service: Service): Ask =>
  async (secret, path, init = {}) => {
    asked += 1
    const mark = String(asked)
    const headers = new Headers(init.headers)
    headers.set('x-mark', mark)
    if (secret !== null) headers.set('authorization', `Bearer ${secret}`)
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers })
    await response.arrayBuffer()
    const received = service.received.find((each) => valuesOf(each, 'x-mark').includes(mark))
    return { status: response.status, headers: response.headers, received }
  }

/** The values of a header as the service got it, under that name in any case. */
export const valuesOf = ({ headers }: Received, name: string): string[] =>
  headers.filter(
    (_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === name.toLowerCase(),
  )

/**
 * The outcome of a request, in words: `passed`, or its status and verdict. Whatever else has reached
 * the service says so.
 */
export function inWords({ status, headers, received }: Outcome): string {
  if (status === 200 && received !== undefined) return 'passed'
  const verdict = headers.get('latchkey-verdict')
  return [status, verdict, received && 'but it reached the service'].filter(Boolean).join(' ')
}
