import type { Prisma, Run } from '../../generated/prisma/client.ts'
import type { Message } from '../../runtime/endpoint.ts'
import type { ServiceContext } from '../../service-context.ts'

/** The characters of a conversation: an agent that has read so much is begun anew. */
export const maxConversationLength = 1_000_000

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

/** What the model is told for a run: the instructions, what was said in the session, the input. */
export async function messagesOf(
  { deps }: Pick<ServiceContext, 'deps'>,
  { workspaceId, sessionId, input }: Run,
  instructions: string | null,
): Promise<readonly Message[]> {
  const before = await deps.prisma.run.findMany({
    where: { workspaceId, sessionId, status: 'SUCCEEDED' },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    select: { input: true, output: true },
  })
  return [
    ...(instructions === null ? [] : [{ role: 'system', content: instructions } as const]),
    ...before.flatMap((run): Message[] => [
      { role: 'user', content: run.input },
      { role: 'assistant', content: run.output ?? '' },
    ]),
    { role: 'user', content: input },
  ]
}
