import { type Fetch, serve } from '../http/listening.ts'
import { jumpingClock } from '../setup/monotonic-clock.ts'
import { seed } from '../setup/seed.ts'
import type { World } from '../setup/world.ts'

/** A request of an example, and the status that it got. */
export interface Exchange {
  readonly secret: string
  /** The name of its operation, or its path. */
  readonly operation: string
  status: number
}

/** What stands between an example and the application; `answer` asks the application. */
export type Between = (
  exchange: Exchange,
  answer: () => Promise<Response>,
) => Response | Promise<Response>

/** The application of a world on a port until the test ends. */
export async function serveExample({ app }: World, between: Between = (_, answer) => answer()) {
  const exchanges: Exchange[] = []
  const fetch: Fetch = async (request, peer) => {
    const { method, headers } = request
    const { pathname } = new URL(request.url)
    const body = method === 'POST' ? await request.text() : undefined
    const secret = headers.get('authorization')?.replace('Bearer ', '') ?? ''
    const operation = /(?:query|mutation) (\w+)/.exec(body ?? '')?.[1] ?? pathname
    const exchange: Exchange = { secret, operation, status: 0 }
    exchanges.push(exchange)
    const response = await between(exchange, async () =>
      app.fetch(new Request(request.url, { method, headers, body: body ?? null }), peer),
    )
    exchange.status = response.status
    return response
  }
  const { url } = await serve(fetch)
  return { url, exchanges }
}

/** An answer of which half arrives. */
export const cutAnswer = (): Response => {
  let sent = false
  const body = new ReadableStream({
    pull(controller) {
      if (sent) controller.error(new Error('cut'))
      else controller.enqueue(new TextEncoder().encode('{"data":'))
      sent = true
    },
  })
  return new Response(body, { headers: { 'content-type': 'application/json' } })
}

/** What the API answers while the database is away. */
export const unavailable = (): Response => {
  const extensions = { code: 'SERVICE_UNAVAILABLE', requestId: 'none' }
  const errors = [{ message: 'Temporarily unavailable; try again.', extensions }]
  return Response.json({ errors }, { status: 503, headers: { 'retry-after': '1' } })
}

/**
 * The request of that number reaches a limit whose minute has 1.5 s left, however slow the machine is;
 * from then on the server's clock moves as the real one does.
 */
export function endOfMinuteAt(number: number): Between {
  const clock = jumpingClock()
  clock.stop()
  let count = 0
  let since = 0
  return (_, answer) => {
    count += 1
    const now = Date.now()
    if (count === number) clock.forward(58_500)
    if (count > number) clock.forward(now - since)
    since = now
    return answer()
  }
}

/** A space with so many agents; gives its id. */
export async function spaceWithAgents(world: World, owner: string, count: number): Promise<string> {
  const space = await seed(world, owner).space({ name: 'Support' })
  for (let index = 0; index < count; index += 1)
    await seed(world, owner).agent({ name: `Agent ${index}`, spaceIds: [space] })
  return space
}
