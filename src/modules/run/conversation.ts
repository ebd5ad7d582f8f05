import type { Prisma, Run } from '../../generated/prisma/client.ts'
import type { Message } from '../../runtime/endpoint.ts'
import type { ServiceContext } from '../../service-context.ts'
import { type DocumentText, documentTexts } from '../document/texts.ts'

/** The characters of a conversation: an agent that has read so much is begun anew. */
export const maxConversationLength = 250_000

/** The characters of the documents that go with a conversation, all together. */
const maxDocumentsLength = 200_000

/** A document as it is told: by whoever asks, and not by those who instruct the agent. */
const told = ({ name, text, isCut }: DocumentText): Message => ({
  role: 'user',
  content: `The document ${JSON.stringify(name)}${isCut ? ' (its end is missing)' : ''}:\n\n${text}`,
})

/** How many characters a session's conversation has, as the next run would send it. */
export async function conversationLength(
  db: Prisma.TransactionClient,
  workspaceId: string,
  sessionId: string,
): Promise<number> {
  const [sum] = await db.$queryRaw<{ length: number }[]>`
    SELECT coalesce(sum(length(input) + length(output)), 0)::int AS length FROM "Run"
     WHERE "workspaceId" = ${workspaceId} AND "sessionId" = ${sessionId} AND status = 'SUCCEEDED'`
  return sum?.length ?? 0
}

/** What the model is told for a run. */
interface Telling {
  readonly messages: readonly Message[]
  /** Whether they hold what it takes documents:read to see. */
  readonly tellsDocuments: boolean
}

/**
 * What the model is told for a run: the instructions, the texts of those documents of the session that
 * the caller sees, what was said in the session, the input.
 */
export async function messagesOf(
  context: Pick<ServiceContext, 'deps' | 'caller'>,
  { workspaceId, sessionId, input }: Run,
  instructions: string | null,
  signal: AbortSignal,
): Promise<Telling> {
  const documents = await documentTexts(context, sessionId, maxDocumentsLength, signal)
  const before = await context.deps.prisma.run.findMany({
    where: { workspaceId, sessionId, status: 'SUCCEEDED' },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    select: { input: true, output: true },
  })
  const messages: Message[] = [
    ...(instructions === null ? [] : [{ role: 'system', content: instructions } as const]),
    ...documents.map(told),
    ...before.flatMap((run): Message[] => [
      { role: 'user', content: run.input },
      { role: 'assistant', content: run.output ?? '' },
    ]),
    { role: 'user', content: input },
  ]
  return { messages, tellsDocuments: documents.length > 0 }
}
