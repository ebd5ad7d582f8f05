import { onTestFinished } from 'vitest'
import type { Deps } from '../../../src/deps.ts'
import { deliverDue } from '../../../src/modules/webhook/deliver.ts'
import { done, seed } from '../../setup/seed.ts'
import { type Receiver, startReceiver } from '../../setup/webhook-receiver.ts'
import {
  createWorld,
  type TestWorkspace,
  type World,
  type WorldOptions,
} from '../../setup/world.ts'

/** What of an endpoint is shown. */
export interface ShownDelivery {
  readonly id: string
  readonly event: string
  readonly status: string
  readonly attempts: number
  readonly lastStatus: number | null
  readonly lastError: string | null
  readonly nextAttemptAt: string | null
}

export interface WebhookWorld {
  readonly world: World
  readonly workspace: TestWorkspace
  readonly make: ReturnType<typeof seed>
  /** Runs a mutation of the owner's that must succeed. */
  mutate(mutation: string, selection: string, input: object): Promise<any>
  /** A receiver with its endpoint. */
  receiver(): Promise<Receiver & { readonly endpointId: string }>
  /** What an endpoint was sent, the newest first. */
  deliveries(endpointId: string): Promise<ShownDelivery[]>
  close(): Promise<void>
}

export async function createWebhookWorld(options: WorldOptions = {}): Promise<WebhookWorld> {
  const world = await createWorld(options)
  const workspace = await world.createWorkspace()
  const mutate: WebhookWorld['mutate'] = (mutation, selection, input) =>
    done(world, workspace.secret, mutation, selection, { ...input })
  return {
    world,
    workspace,
    make: seed(world, workspace.secret),
    mutate,
    async receiver() {
      const receiver = await startReceiver()
      onTestFinished(receiver.close)
      const selection = 'endpoint { id } signingSecret'
      const made = await mutate('createWebhookEndpoint', selection, { url: receiver.url })
      receiver.secret = made.signingSecret
      return Object.assign(receiver, { endpointId: made.endpoint.id as string })
    },
    async deliveries(endpointId) {
      const query = `query ($id: ID!) { node(id: $id) { ... on WebhookEndpoint { deliveries(first: 100) { nodes {
        id event status attempts lastStatus lastError nextAttemptAt } } } } }`
      const { data } = await world.gql(workspace.secret, query, { id: endpointId })
      return data.node.deliveries.nodes
    },
    close: world.close,
  }
}

/** Sends what is due, until nothing is. */
export async function deliverAll(deps: Deps): Promise<void> {
  const look = deliverDue(deps, new AbortController().signal)
  for (;;) {
    const attempts = await look()
    if (attempts.length === 0) return
    await Promise.all(attempts)
  }
}

/** The tables whose instants decide when a key ends and what is sent when. */
const tables = ['ApiKey', 'ApiKeySecret', 'ApiKeyExpiryNotice', 'WebhookDelivery']

/** Lets time pass: every instant that is stored moves back by so many hours. */
export async function passHours({ deps: { prisma } }: World, hours: number): Promise<void> {
  const columns = await prisma.$queryRaw<{ table: string; name: string }[]>`
    SELECT table_name::text AS table, column_name::text AS name FROM information_schema.columns
     WHERE data_type LIKE 'timestamp%' AND (table_name = ANY(${tables}::text[])
        OR (table_name = 'Workspace' AND column_name IN ('expiryCheckAt', 'legacyKeySunsetAt')))`
  for (const [table, its] of Map.groupBy(columns, (column) => column.table)) {
    const moved = its.map(({ name }) => `"${name}" = "${name}" - interval '${hours} hours'`)
    await prisma.$executeRawUnsafe(`UPDATE "${table}" SET ${moved.join()}`)
  }
}
