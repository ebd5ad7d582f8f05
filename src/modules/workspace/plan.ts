import type { Deps } from '../../deps.ts'
import type { WorkspacePlan } from '../../limits/plans.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import { asOperator } from '../../transactions/workspace-transaction.ts'
import { noSuchWorkspace } from './slug.ts'

/**
 * Puts a workspace on a plan, from the next request on, for whoever runs the server. What was used
 * of the old plan's limits counts for those of the new one; keys above its limit live on.
 *
 * @returns whether it was on another one, or had other limits of its own.
 * @throws RequestError WORKSPACE_NOT_FOUND when no workspace has that slug
 */
export async function changePlan(deps: Deps, slug: string, plan: WorkspacePlan): Promise<boolean> {
  const found = await deps.prisma.workspace.findUnique({ where: { slug }, select: { id: true } })
  if (found === null) throw noSuchWorkspace(slug)
  return asOperator(deps, found.id, async ({ db, workspace: { id, name, ...before }, record }) => {
    const changes = changesBetween<WorkspacePlan>(before, plan)
    if (changes.length === 0) return false
    record({ action: 'workspace.plan_changed', targetId: id, targetName: name, changes })
    await db.workspace.update({ where: { id }, data: plan })
    return true
  })
}
