import { hasId } from '../../db/where.ts'
import { userError } from '../../errors.ts'
import type { WebhookDelivery, WebhookEndpoint } from '../../generated/prisma/client.ts'
import { newId } from '../../ids.ts'
import { readInput } from '../../input/read-input.ts'
import type { ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import { maxEndpoints } from '../../transactions/webhook-outbox.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { createSigningSecret, encryptSecret } from './signing-secret.ts'
import { endpointInputs } from './webhook.input.ts'
import { visibleEndpoints } from './webhook.visibility.ts'

/** An endpoint without its secret. */
export type Endpoint = Omit<WebhookEndpoint, 'secret'>

/** No credential's rights depend on an endpoint. */
const options = { permission: 'workspace:update', keepsAuthorization: true } as const

/** What the audit shows of an endpoint. Path and query may hold a secret of the receiver's. */
const auditSnapshot = ({ url, enabled }: Pick<Endpoint, 'url' | 'enabled'>) => ({
  origin: new URL(url).origin,
  enabled,
})

const hostOf = ({ url }: Pick<Endpoint, 'url'>): string => new URL(url).host

const keyOf = ({ workspaceId, id }: Pick<Endpoint, 'workspaceId' | 'id'>) => ({
  workspaceId_id: { workspaceId, id },
})

async function findEndpoint({ db, caller }: CallerTransaction, id: string): Promise<Endpoint> {
  const where = { AND: [visibleEndpoints(caller), hasId(id)] }
  const endpoint = await db.webhookEndpoint.findFirst({ where })
  if (endpoint === null)
    throw userError('NOT_FOUND', ['input', 'id'], 'There is no such webhook endpoint.')
  return endpoint
}

/** Gives up what an endpoint has not been sent yet. */
async function giveUpPending(
  { db, workspace }: CallerTransaction,
  endpointId: string,
  lastError: string,
): Promise<void> {
  await db.webhookDelivery.updateMany({
    where: { workspaceId: workspace.id, endpointId, status: 'PENDING' },
    data: { status: 'FAILED', lastError, nextAttemptAt: null },
  })
}

/**
 * A new endpoint, with the secret that its deliveries are signed by, which is shown here only.
 *
 * @throws UserInputError INVALID for a URL that nothing is sent to, LIMIT_REACHED beyond 10 endpoints
 */
export async function createEndpoint(
  context: ServiceContext,
  input: { readonly url: string },
): Promise<{ readonly endpoint: Endpoint; readonly signingSecret: string }> {
  const { allowPrivate, encryptionKey } = context.deps.webhooks
  const { url } = readInput(endpointInputs(allowPrivate).create, input)
  const id = newId('whk')
  const signingSecret = createSigningSecret()
  const secret = await encryptSecret(encryptionKey, id, signingSecret)
  return inWorkspaceTransaction(context, options, async (c) => {
    const { db, caller, now } = c
    if ((await db.webhookEndpoint.count({ where: visibleEndpoints(caller) })) >= maxEndpoints)
      throw userError(
        'LIMIT_REACHED',
        ['input'],
        `A workspace has at most ${maxEndpoints} webhook endpoints.`,
      )
    const { workspaceId } = caller
    const data = { workspaceId, id, url, secret, enabled: true, createdAt: now }
    const endpoint = await db.webhookEndpoint.create({ data })
    const changes = changesBetween({}, auditSnapshot(data))
    c.record({
      action: 'webhook_endpoint.created',
      targetId: id,
      targetName: hostOf(data),
      changes,
    })
    return { endpoint, signingSecret }
  })
}

/** Changes an endpoint; absent fields stay. One that is disabled is sent nothing, not even what waits. */
export function updateEndpoint(
  context: ServiceContext,
  input: {
    readonly id: string
    readonly url?: string | null | undefined
    readonly enabled?: boolean | null | undefined
  },
): Promise<Endpoint> {
  const { id, ...fields } = readInput(
    endpointInputs(context.deps.webhooks.allowPrivate).update,
    input,
  )
  return inWorkspaceTransaction(context, options, async (c) => {
    const endpoint = await findEndpoint(c, id)
    const after = { ...endpoint, ...fields }
    if (after.url === endpoint.url && after.enabled === endpoint.enabled) return endpoint
    const changes = changesBetween(auditSnapshot(endpoint), auditSnapshot(after))
    const targetName = hostOf(endpoint)
    c.record({ action: 'webhook_endpoint.updated', targetId: id, targetName, changes })
    if (!after.enabled) await giveUpPending(c, id, 'The endpoint was disabled.')
    return c.db.webhookEndpoint.update({ where: keyOf(endpoint), data: fields })
  })
}

/** Deletes an endpoint, its secret and all that waits for it. */
export const deleteEndpoint = (
  context: ServiceContext,
  input: { readonly id: string },
): Promise<string> =>
  inWorkspaceTransaction(context, options, async (c) => {
    const endpoint = await findEndpoint(c, input.id)
    const { id } = endpoint
    await giveUpPending(c, id, 'The endpoint was deleted.')
    const data = { enabled: false, secret: '', deletedAt: c.now }
    await c.db.webhookEndpoint.update({ where: keyOf(endpoint), data })
    const targetName = hostOf(endpoint)
    c.record({ action: 'webhook_endpoint.deleted', targetId: id, targetName })
    return id
  })

/**
 * Sends a delivery anew that had failed, for a day as at first.
 *
 * @throws UserInputError WRONG_STATE for one that has not failed, or of a disabled endpoint
 */
export const retryDelivery = (
  context: ServiceContext,
  input: { readonly id: string },
): Promise<WebhookDelivery> =>
  inWorkspaceTransaction(context, options, async (c) => {
    const path = ['input', 'id']
    const { workspaceId } = c.caller
    const found = await c.db.webhookDelivery.findFirst({
      where: { AND: [{ workspaceId, endpoint: { deletedAt: null } }, hasId(input.id)] },
      include: { endpoint: true },
    })
    if (found === null) throw userError('NOT_FOUND', path, 'There is no such delivery.')
    if (found.status !== 'FAILED')
      throw userError('WRONG_STATE', path, 'The delivery has not failed.')
    if (!found.endpoint.enabled)
      throw userError('WRONG_STATE', path, 'Its endpoint is disabled: enable it first.')
    const { id } = found
    const targetName = hostOf(found.endpoint)
    c.record({ action: 'webhook_delivery.retried', targetId: id, targetName })
    return c.db.webhookDelivery.update({
      where: { workspaceId_id: { workspaceId, id } },
      data: { status: 'PENDING', attempts: 0, nextAttemptAt: c.now },
    })
  })
