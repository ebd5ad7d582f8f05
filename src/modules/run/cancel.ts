import { change } from '../../db/change.ts'
import { findOne } from '../../db/page.ts'
import { userError } from '../../errors.ts'
import type { ServiceContext } from '../../service-context.ts'
import { assertHeldForSession } from '../session/seen-session.ts'
import { endRun } from './end.ts'
import { knownRuns, type RunRow, runs } from './run.queries.ts'

/** Cancels a run in progress. One that was canceled stays as it is. */
export async function cancelRun(
  context: ServiceContext,
  { id }: { readonly id: string },
): Promise<RunRow> {
  const options = { permission: 'agents:run', keepsAuthorization: true } as const
  const { run: canceled, isNew } = await change(context, options, async (c) => {
    const path = ['input', 'id']
    const run = await findOne<RunRow>(c.db, { ...runs, where: knownRuns(c.caller) }, id)
    if (run === null) throw userError('NOT_FOUND', path, 'There is no such run.')
    await assertHeldForSession(c, run.sessionId, 'agents:run')
    if (run.status === 'CANCELED') return { run, isNew: false }
    if (run.status !== 'RUNNING') throw userError('WRONG_STATE', path, 'The run has ended.')
    return { run: await endRun(c, run, { status: 'CANCELED' }), isNew: true }
  })
  if (isNew) context.deps.metrics.countRun('CANCELED')
  // Another process that runs it finds out as it renews the lease.
  context.deps.runtime.underWay.abort(id)
  return canceled
}
