import type { WebhookDelivery as DeliveryRow } from '../../generated/prisma/client.ts'
import { builder } from '../../schema/builder.ts'
import { deletedId, entityField, mutation } from '../../schema/mutation.ts'
import { WebhookDelivery, WebhookEndpoint } from './webhook.schema.ts'
import {
  createEndpoint,
  deleteEndpoint,
  type Endpoint,
  retryDelivery,
  updateEndpoint,
} from './webhook.service.ts'

const guard = 'workspace:update'

const CreateWebhookEndpointInput = builder.inputType('CreateWebhookEndpointInput', {
  description: 'A webhook endpoint to make.',
  fields: (t) => ({
    url: t.string({
      required: true,
      description: 'An https address that is public; a query may be part of it.',
    }),
  }),
})

mutation<
  typeof CreateWebhookEndpointInput.$inferInput,
  { endpoint: Endpoint; signingSecret: string }
>('createWebhookEndpoint', {
  description: 'Makes a webhook endpoint; at most 10.',
  guard,
  input: CreateWebhookEndpointInput,
  payloadDescription: 'The signing secret is shown here only.',
  payload: (t) => ({
    endpoint: entityField(t, 'endpoint', WebhookEndpoint, 'The new endpoint.'),
    signingSecret: t.string({
      nullable: true,
      description: 'What verifies its deliveries, by Standard Webhooks: `whsec_` and base64.',
      resolve: ({ signingSecret }) => signingSecret ?? null,
    }),
  }),
  run: createEndpoint,
})

const UpdateWebhookEndpointInput = builder.inputType('UpdateWebhookEndpointInput', {
  description: 'The changes of a webhook endpoint; absent fields stay.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The id of the endpoint.' }),
    url: t.string({ description: 'Where events are posted, also those that wait.' }),
    enabled: t.boolean({
      description: 'False: nothing more is sent, and what waits is FAILED.',
    }),
  }),
})

mutation<typeof UpdateWebhookEndpointInput.$inferInput, { endpoint: Endpoint }>(
  'updateWebhookEndpoint',
  {
    description: 'Changes, disables or enables a webhook endpoint. Its secret stays.',
    guard,
    input: UpdateWebhookEndpointInput,
    payload: (t) => ({
      endpoint: entityField(t, 'endpoint', WebhookEndpoint, 'The endpoint as it is now.'),
    }),
    run: async (context, input) => ({ endpoint: await updateEndpoint(context, input) }),
  },
)

const DeleteWebhookEndpointInput = builder.inputType('DeleteWebhookEndpointInput', {
  description: 'Which webhook endpoint to delete.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The id of the endpoint.' }) }),
})

mutation<typeof DeleteWebhookEndpointInput.$inferInput, { deletedId: string }>(
  'deleteWebhookEndpoint',
  {
    description: 'Deletes a webhook endpoint: nothing more is sent there.',
    guard,
    input: DeleteWebhookEndpointInput,
    payload: (t) => ({ deletedId: deletedId(t) }),
    run: async (context, input) => ({ deletedId: await deleteEndpoint(context, input) }),
  },
)

const RetryWebhookDeliveryInput = builder.inputType('RetryWebhookDeliveryInput', {
  description: 'Which delivery to send anew.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The id of the delivery.' }) }),
})

mutation<typeof RetryWebhookDeliveryInput.$inferInput, { delivery: DeliveryRow }>(
  'retryWebhookDelivery',
  {
    description: 'Sends a FAILED delivery anew, for a day as at first.',
    guard,
    input: RetryWebhookDeliveryInput,
    payload: (t) => ({
      delivery: entityField(t, 'delivery', WebhookDelivery, 'The delivery, PENDING again.'),
    }),
    run: async (context, input) => ({ delivery: await retryDelivery(context, input) }),
  },
)
