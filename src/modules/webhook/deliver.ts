import { Webhook } from 'standardwebhooks'
import type { Deps } from '../../deps.ts'
import type { WebhookDelivery } from '../../generated/prisma/client.ts'
import type { Attempt } from './post.ts'
import { decryptSecret } from './signing-secret.ts'

const minute = 60_000
const hour = 60 * minute

/** From the end of each failed attempt to the next one, in milliseconds; after a day there is none. */
const delaysMs = [5_000, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 8 * hour, 8 * hour]

/** So long a delivery is left to the server that took it, in milliseconds: longer than any attempt. */
const leaseMs = minute

/** How many attempts one server makes at a time, to one endpoint and to all of them. */
const maxPerEndpoint = 4
const maxInFlight = 100

/** Of what is due, the oldest that are looked at: an endpoint may have many of them. */
const maxLookedAt = 1_000

/** A delivery that this server has taken, with what it takes to send it. */
interface Taken extends Pick<WebhookDelivery, 'workspaceId' | 'id' | 'endpointId' | 'payload'> {
  readonly attempts: number
  readonly url: string
  readonly secret: string
}

/**
 * Takes what is due, for the time of a lease: no two servers have the same. What a server leaves that
 * dies is due again after it.
 *
 * @param busy endpoints that get nothing more now
 * @param served workspaces that get nothing more now
 */
const takeDue = (
  { prisma }: Deps,
  busy: readonly string[],
  served: readonly string[],
  limit: number,
): Promise<Taken[]> =>
  prisma.$queryRaw<Taken[]>`
    UPDATE "WebhookDelivery" d
       SET attempts = d.attempts + 1, "nextAttemptAt" = now() + ${leaseMs} * interval '1 ms'
      FROM "WebhookEndpoint" e
     WHERE e."workspaceId" = d."workspaceId" AND e.id = d."endpointId"
       AND (d."workspaceId", d.id) IN (
         SELECT "workspaceId", id FROM "WebhookDelivery"
          WHERE "nextAttemptAt" <= now() AND ("workspaceId", id) IN (
            SELECT "workspaceId", id FROM (
              SELECT "workspaceId", id, "nextAttemptAt",
                     row_number() OVER (PARTITION BY "endpointId" ORDER BY "nextAttemptAt") AS nth
                FROM (SELECT "workspaceId", id, "endpointId", "nextAttemptAt" FROM "WebhookDelivery"
                       WHERE "nextAttemptAt" <= now() AND "endpointId" <> ALL(${busy}::text[])
                         AND "workspaceId" <> ALL(${served}::text[])
                       ORDER BY "nextAttemptAt" LIMIT ${maxLookedAt}) AS due) AS ranked
             WHERE nth <= ${maxPerEndpoint} ORDER BY "nextAttemptAt" LIMIT ${limit})
          FOR UPDATE SKIP LOCKED)
    RETURNING d."workspaceId", d.id, d."endpointId", d.payload, d.attempts, e.url, e.secret`

async function send(deps: Deps, taken: Taken, signal: AbortSignal): Promise<Attempt> {
  const { encryptionKey, post } = deps.webhooks
  const { id, endpointId, url, payload: body } = taken
  const signer = new Webhook(await decryptSecret(encryptionKey, endpointId, taken.secret))
  const at = new Date()
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'latchkey',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': signer.sign(id, at, body),
  }
  return await post({ url, headers, body }, signal)
}

/** Stores the outcome of an attempt, unless the delivery was given up or taken by another server meanwhile. */
async function store({ prisma }: Deps, taken: Taken, { status, error }: Attempt): Promise<void> {
  const { workspaceId, id, attempts } = taken
  const isDelivered = error === null
  const delay = isDelivered ? undefined : delaysMs[attempts - 1]
  // What failed together is not repeated together.
  const waitMs = delay === undefined ? null : Math.round(delay * (0.9 + Math.random() / 5))
  const outcome = isDelivered ? 'DELIVERED' : waitMs === null ? 'FAILED' : 'PENDING'
  await prisma.$executeRaw`
    UPDATE "WebhookDelivery"
       SET status = ${outcome}::"WebhookDeliveryStatus", "lastStatus" = ${status}::int,
           "lastError" = ${error}, "nextAttemptAt" = now() + ${waitMs}::int * interval '1 ms'
     WHERE "workspaceId" = ${workspaceId} AND id = ${id} AND status = 'PENDING'
       AND (attempts = ${attempts} OR ${isDelivered})`
}

/**
 * Sends what is due, so much at a time that no endpoint holds the others up, and by turns, so that no
 * workspace does.
 *
 * @param signal gives up the attempts that are in flight: another server repeats them
 * @returns one look: it begins what is due, as far as there is room, and gives the ends of those attempts
 */
export function deliverDue(deps: Deps, signal: AbortSignal): () => Promise<Promise<void>[]> {
  const inFlight = new Map<string, number>()
  /** The workspaces that have had their turn, while others wait for theirs. */
  const served = new Set<string>()
  let total = 0
  const count = (endpointId: string, change: 1 | -1): void => {
    total += change
    const left = (inFlight.get(endpointId) ?? 0) + change
    if (left === 0) inFlight.delete(endpointId)
    else inFlight.set(endpointId, left)
  }
  const attempt = async (taken: Taken): Promise<void> => {
    const { endpointId, id: deliveryId } = taken
    count(endpointId, 1)
    const notSent = (err: unknown): Attempt => {
      deps.logger.warn({ err, deliveryId }, 'a webhook could not be signed')
      return { status: null, error: 'It could not be signed.' }
    }
    try {
      const done = await send(deps, taken, signal).catch(notSent)
      if (!signal.aborted) await store(deps, taken, done)
    } catch (err) {
      deps.logger.warn(
        { err, deliveryId },
        'the outcome of a webhook was not stored: it is sent again',
      )
    } finally {
      count(endpointId, -1)
    }
  }
  const takeNext = async (busy: readonly string[], room: number): Promise<Taken[]> => {
    const isFirst = served.size === 0
    const due = await takeDue(deps, busy, [...served], room)
    for (const { workspaceId } of due) served.add(workspaceId)
    if (isFirst || due.length === room) return due
    served.clear()
    const taken = due.map(({ endpointId }) => endpointId)
    return [...due, ...(await takeNext([...busy, ...taken], room - due.length))]
  }
  return async () => {
    if (total >= maxInFlight) return []
    const due = await takeNext([...inFlight.keys()], maxInFlight - total)
    return due.map(attempt)
  }
}
