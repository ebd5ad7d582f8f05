import type { WebhookDeliveryStatus } from '../../generated/prisma/enums.ts'
import { builder } from '../../schema/builder.ts'
import { nodeType } from '../../schema/node.ts'
import { nestedList } from '../../schema/pagination.ts'
import { planOf } from '../../schema/visible-rows.ts'
import { maxEndpoints } from '../../transactions/webhook-outbox.ts'
import { deliveriesOfEndpoints, visibleEndpoints } from './webhook.visibility.ts'

const DeliveryStatusType = builder.enumType('WebhookDeliveryStatus', {
  description: 'Where a delivery stands.',
  values: {
    PENDING: { description: 'It is sent, or sent again, at `nextAttemptAt`.' },
    DELIVERED: { description: 'The endpoint has taken it.' },
    FAILED: { description: 'It was given up; `retryWebhookDelivery` sends it anew.' },
  } satisfies Record<WebhookDeliveryStatus, { description: string }>,
})

export const WebhookDelivery = builder.prismaObject('WebhookDelivery', {
  select: { id: true, createdAt: true },
  description: 'One event as it is sent to one endpoint. It is kept for 30 days.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', {
      description: 'The id of the delivery, the same as the `webhook-id` of each of its attempts.',
    }),
    event: t.exposeString('event', { description: 'The event, such as `api_key.revoked`.' }),
    status: t.expose('status', { type: DeliveryStatusType, description: 'Where it stands.' }),
    attempts: t.exposeInt('attempts', {
      description: 'How many attempts were begun, since it was last retried.',
    }),
    lastStatus: t.exposeInt('lastStatus', {
      nullable: true,
      description: 'The HTTP status of the last answer; null where there was none.',
    }),
    lastError: t.exposeString('lastError', {
      nullable: true,
      description: 'Why the last attempt failed.',
    }),
    nextAttemptAt: t.expose('nextAttemptAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it is sent next; null where it is sent no more.',
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      description: 'When the event happened.',
    }),
  }),
})

export const WebhookEndpoint = builder.prismaObject('WebhookEndpoint', {
  select: { id: true, createdAt: true },
  description:
    'A URL that is sent an event when a key of the workspace expires, ends or is rotated.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the endpoint.' }),
    url: t.exposeString('url', { description: 'Where events are posted.' }),
    enabled: t.exposeBoolean('enabled', { description: 'Whether anything is sent there.' }),
    deliveries: t.field(
      nestedList(
        'WebhookDelivery',
        'workspace:update',
        'What was sent there in the last 30 days, or is to be.',
        deliveriesOfEndpoints,
      ),
    ),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
  }),
})

nodeType('whk', WebhookEndpoint, {
  item: 'webhookEndpoints',
  find: (context, ids, info) => {
    const where = { AND: [visibleEndpoints(context.caller), { id: { in: ids } }] }
    const plan = planOf(context, info, 'WebhookEndpoint')
    return context.deps.prisma.webhookEndpoint.findMany({ ...plan, where })
  },
})

builder.queryField('webhookEndpoints', (t) =>
  t.prismaField({
    type: ['WebhookEndpoint'],
    nullable: true,
    guard: 'workspace:update',
    listSize: maxEndpoints,
    description: 'The webhook endpoints of the workspace, the newest first.',
    resolve: (query, _root, _args, { deps, caller }) =>
      deps.prisma.webhookEndpoint.findMany({
        ...query,
        where: visibleEndpoints(caller),
        orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      }),
  }),
)
