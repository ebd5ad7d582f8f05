import { z } from 'zod'
import { Prisma } from '../generated/prisma/client.ts'

/** Where every replica hears of each epoch that is raised, from a trigger of the database. */
export const epochChannel = 'latchkey_epoch'

/** Where every replica hears of changes whose writer waits until it has. */
export const changeChannel = 'latchkey_change'

/** Where one replica hears what is for it alone. */
export const channelOf = (replicaId: string): string => `latchkey_replica_${replicaId}`

/** A change, by who made it and their number for it. */
const changeName = z.object({ by: z.string(), number: z.number() })

const own = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('beat'), number: z.number(), databaseTime: z.number() }),
  z.object({ kind: z.literal('heard'), by: z.string(), numbers: z.array(z.number()) }),
  z.object({ kind: z.literal('leave') }),
])

/**
 * What a replica is told alone: its own heartbeat, with the database's clock in milliseconds since
 * 1970; that another one has heard of changes of its; or that writers wait for it no more.
 */
export type OwnMessage = z.infer<typeof own>

export type ChangeName = z.infer<typeof changeName>

/** Tells a replica that writers wait for it no more. */
export const leaveMessage = '{"kind":"leave"}'

/** Asks every replica to tell when it has heard of that change. */
export const changeMessage = (by: string, number: number): string => JSON.stringify({ by, number })

const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    context.addIssue('expected JSON')
    return z.NEVER
  }
})

/** @throws ZodError for what no replica of this version sends, as the others do */
export const readChange = (message: string): ChangeName => json.pipe(changeName).parse(message)

export const readOwn = (message: string): OwnMessage => json.pipe(own).parse(message)

/** As the trigger writes it: a workspace's id and its epoch. */
const raised = z
  .string()
  .regex(/^\S+ \d+$/)
  .transform((text) => {
    const [workspaceId = '', epoch = ''] = text.split(' ')
    return { workspaceId, epoch: BigInt(epoch) }
  })

export const readRaised = (message: string): { workspaceId: string; epoch: bigint } =>
  raised.parse(message)

/** The statement that sends a message on a channel, in a transaction with its commit. */
export const notifying = (channel: string, message: string): Prisma.Sql =>
  Prisma.sql`SELECT pg_notify(${channel}, ${message})`
