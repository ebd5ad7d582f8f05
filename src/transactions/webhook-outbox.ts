import { type AuditEvent, Prisma } from '../generated/prisma/client.ts'
import { newId } from '../ids.ts'

/**
 * The actions that are sent to endpoints, with the changed fields whose new values are sent:
 * ids and times, never a text that somebody wrote.
 */
const toldFields: Readonly<Record<string, readonly string[]>> = {
  'api_key.expires_soon': ['effectiveExpiresAt'],
  'api_key.expired': ['effectiveExpiresAt'],
  'api_key.revoked': [],
  'api_key.rotated': ['previousSecretExpiresAt'],
  'api_key.migrated': ['previousSecretExpiresAt'],
  'api_key.transferred': ['ownerId'],
  'api_key.previous_secret_retired': [],
}

/** How many endpoints a workspace has at most. */
export const maxEndpoints = 10

/** The actions that are sent to endpoints. */
export const webhookEvents = Object.keys(toldFields)

/** The new values of these fields, null for those that did not change. */
function valuesOf(changes: string, fields: readonly string[]): Record<string, unknown> {
  const read: { readonly field: string; readonly after: string }[] = JSON.parse(changes)
  const after = new Map(read.map((change) => [change.field, JSON.parse(change.after)]))
  return Object.fromEntries(fields.map((field) => [field, after.get(field) ?? null]))
}

/** The body of a delivery, as Standard Webhooks has it: a type, a time, and data. */
function payloadOf(event: AuditEvent): string {
  const { workspaceId, id: auditEventId, action, at, targetId, targetName, changes } = event
  const data = {
    workspaceId,
    apiKeyId: targetId,
    name: targetName,
    auditEventId,
    ...valuesOf(changes, toldFields[action] ?? []),
  }
  return JSON.stringify({ type: action, timestamp: at.toISOString(), data })
}

/**
 * The statement, if one is needed, that puts what these events tell the workspace's endpoints into the
 * queue. It finds the endpoints itself: there is no other trip to the database under the lock.
 */
export function deliveriesOf(workspaceId: string, events: readonly AuditEvent[]): Prisma.Sql[] {
  const told = events
    .filter(({ action }) => action in toldFields)
    .map((event) => ({
      event: event.action,
      payload: payloadOf(event),
      at: event.at,
      ids: Array.from({ length: maxEndpoints }, () => newId('whd')),
    }))
  if (told.length === 0) return []
  return [
    Prisma.sql`
      INSERT INTO "WebhookDelivery"
             ("workspaceId", id, "endpointId", event, payload, "nextAttemptAt", "createdAt")
      SELECT ${workspaceId}, told.ids[endpoint.nth], endpoint.id, told.event, told.payload, told.at, told.at
        FROM json_to_recordset(${JSON.stringify(told)}::json)
             AS told (event text, payload text, at timestamptz, ids text[])
       CROSS JOIN (SELECT id, row_number() OVER (ORDER BY id)::int AS nth FROM "WebhookEndpoint"
          WHERE "workspaceId" = ${workspaceId} AND enabled AND "deletedAt" IS NULL) AS endpoint`,
  ]
}
