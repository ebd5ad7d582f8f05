import type { Deps } from '../deps.ts'
import type { Workspace } from '../generated/prisma/client.ts'

/** How many events lie between two heads that are logged, more or less. */
const eventsBetween = 1_000n

/** Whether the end of a chain is to be logged once so many events more are in it. */
export const isHeadDue = ({ auditSequence }: Workspace, more: number): boolean =>
  auditSequence / eventsBetween < (auditSequence + BigInt(more)) / eventsBetween

/**
 * Logs where chains end, as it is committed: a chain that is cut off together with the end that its
 * workspace knows still differs from the log, which is kept elsewhere.
 */
export async function logHeads(
  { prisma, logger }: Deps,
  workspaceIds: readonly string[],
): Promise<void> {
  if (workspaceIds.length === 0) return
  const where = { id: { in: [...workspaceIds] } }
  const heads = await prisma.workspace.findMany({ where }).catch((err: unknown) => {
    logger.warn({ err }, 'the end of an audit chain was not logged')
    return []
  })
  for (const { id, auditSequence, auditHash } of heads)
    logger.info(
      { workspaceId: id, sequence: String(auditSequence), hash: auditHash },
      'the end of an audit chain',
    )
}
