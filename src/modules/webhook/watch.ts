import type { Deps } from '../../deps.ts'
import { withTimeout } from '../../timeout.ts'
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

  const begin = async (): Promise<void> => {
    for (const attempt of await look()) {
      inFlight.add(attempt)
      void attempt.then(() => {
        inFlight.delete(attempt)
        lookAgain()
      })
    }
  }
  const lookAgain = (): void => {
    if (closing.signal.aborted) return
    looking ??= begin()
      .catch((err: unknown) => deps.logger.warn({ err }, 'due webhooks were not looked for'))
      .finally(() => {
        looking = undefined
      })
  }
  const timer = setInterval(lookAgain, lookEveryMs).unref()
  const clean = (): void => {
    deleteOldDeliveries(deps, closing.signal).catch((err: unknown) =>
      deps.logger.warn({ err }, 'old webhook deliveries were not deleted'),
    )
  }
  // Servers that were started together do not come together.
  const cleaner = setInterval(clean, cleanEveryMs * (0.5 + Math.random())).unref()
  return {
    async close(seconds) {
      closing.abort()
      clearInterval(timer)
      clearInterval(cleaner)
      await looking
      await withTimeout(Promise.all(inFlight), seconds * 1_000)
      giveUp.abort()
    },
  }
}
