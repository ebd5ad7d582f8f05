import { userError } from '../../errors.ts'
import type { ServiceContext } from '../../service-context.ts'
import { inWorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { assertHeldForSession } from '../session/require-visible-session.ts'
import { finishRun } from './finish-run.ts'
import { ifKnown, type RunRow, runsOf } from './run.visibility.ts'

/** Cancels a run in progress. One that was canceled stays as it is. */
export async function cancelRun(
  context: ServiceContext,
  { id }: { readonly id: string },
): Promise<RunRow> {
  const options = { permission: 'agents:run', keepsAuthorization: true } as const
  const { run: canceled, isNew } = await inWorkspaceTransaction(context, options, async (c) => {
    const path = ['input', 'id']
    const omit = { input: true, output: true } as const
    const found = await c.db.run.findFirst({ omit, where: runsOf(c.caller, [id]) })
    const run = await ifKnown(c.db, c.caller, found)
    if (run === null) throw userError('NOT_FOUND', path, 'There is no such run.')
    await assertHeldForSession(c, run.sessionId, 'agents:run')
    if (run.status === 'CANCELED') return { run, isNew: false }
    if (run.status !== 'RUNNING') throw userError('WRONG_STATE', path, 'The run has ended.')
    return { run: await finishRun(c, run, { status: 'CANCELED' }), isNew: true }
  })
  if (isNew) context.deps.metrics.countRun('CANCELED')
  // Another process that runs it finds out as it renews the lease.
  context.deps.runtime.underWay.abort(id)
  return canceled
}
