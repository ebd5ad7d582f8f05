import type { ApiKeySecret } from '../../generated/prisma/client.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'

/** A secret by which a key works; that without an end is the current one. */
export type WorkingSecret = Omit<ApiKeySecret, 'hash'>

/** The secrets by which a key works: the current one, and during an overlap the one before it. */
export const findWorkingSecrets = (
  { db, workspace, now }: WorkspaceTransaction,
  keyId: string,
): Promise<WorkingSecret[]> =>
  db.apiKeySecret.findMany({
    where: { workspaceId: workspace.id, keyId, OR: [{ endsAt: null }, { endsAt: { gt: now } }] },
  })
