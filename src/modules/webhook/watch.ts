import type { Deps } from '../../deps.ts'
import { every, withTimeout } from '../../timeout.ts'
import { deliverDue } from './deliver.ts'

/** How often it is looked for deliveries that are due, in milliseconds. */
const lookEveryMs = 1_000

/** How long deliveries are kept, and about how often older ones are looked for. */
const keptDays = 30
const cleanEveryMs = 3_600_000
const batchSize = 1_000

/** Deletes deliveries of more than 30 days ago, so many at a time that nobody waits for it. */
export async function deleteOldDeliveries({ prisma }: Deps, signal?: AbortSignal): Promise<void> {
  let deleted = batchSize
  while (deleted === batchSize && !signal?.aborted)
    deleted = await prisma.$executeRaw`
      DELETE FROM "WebhookDelivery" WHERE ("workspaceId", id) IN (
        SELECT "workspaceId", id FROM "WebhookDelivery"
         WHERE "createdAt" < now() - make_interval(days => ${keptDays})
         ORDER BY "createdAt" LIMIT ${batchSize} FOR UPDATE SKIP LOCKED)`
}

/** Sends webhooks for as long as it is open. */
export function watchWebhooks(deps: Deps): { close(seconds: number): Promise<void> } {
  const closing = new AbortController()
  const giveUp = new AbortController()
  const inFlight = new Set<Promise<void>>()
  const look = deliverDue(deps, giveUp.signal)
  let looking: Promise<void> | undefined

  const lookAgain = async (): Promise<void> => {
    if (closing.signal.aborted) return
    looking ??= begin()
    await looking
  }
  const begin = async (): Promise<void> => {
    try {
      for (const attempt of await look()) {
        inFlight.add(attempt)
        void attempt.then(() => {
          inFlight.delete(attempt)
          return lookAgain()
        })
      }
    } catch (err) {
      deps.logger.warn({ err }, 'due webhooks were not looked for')
    } finally {
      looking = undefined
    }
  }
  const clean = (): Promise<void> =>
    deleteOldDeliveries(deps, closing.signal).catch((err: unknown) =>
      deps.logger.warn({ err }, 'old webhook deliveries were not deleted'),
    )
  const stops = [
    every(lookEveryMs, lookAgain),
    // Servers that were started together do not come together.
    every(cleanEveryMs * (0.5 + Math.random()), clean),
  ]
  return {
    async close(seconds) {
      closing.abort()
      for (const stop of stops) stop()
      await looking
      await withTimeout(Promise.all(inFlight), seconds * 1_000)
      giveUp.abort()
    },
  }
}
