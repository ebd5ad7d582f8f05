import type { Deps } from '../../deps.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import { asOperator } from '../../transactions/workspace-transaction.ts'
import { noSuchWorkspace } from './slug.ts'

/**
 * Lets a workspace import legacy keys by their hashes, or not any more, for whoever runs the server.
 * What it has imported stays.
 *
 * @returns whether anything was changed
 * @throws RequestError WORKSPACE_NOT_FOUND when no workspace has that slug
 */
export async function allowHashImport(
  deps: Deps,
  slug: string,
  hashImport: boolean,
): Promise<boolean> {
  const found = await deps.prisma.workspace.findUnique({ where: { slug }, select: { id: true } })
  if (found === null) throw noSuchWorkspace(slug)
  return asOperator(
    deps,
    found.id,
    async ({ db, workspace: { id, name, ...before }, record }) => {
      const changes = changesBetween<{ hashImport: boolean }>(before, { hashImport })
      if (changes.length === 0) return false
      record({ action: 'workspace.hash_import_changed', targetId: id, targetName: name, changes })
      await db.workspace.update({ where: { id }, data: { hashImport } })
      return true
    },
    { keepsAuthorization: true },
  )
}
