import { userError } from '../../errors.ts'
import type { RunsTaken } from '../../runtime/run-registry.ts'
import type { RunsInProgress } from './run.visibility.ts'

/** Each waits for the endpoint, and keeps its question and a connection: of one workspace, */
const maxRunsInWorkspace = 100
/** of one user in it, so that nobody keeps all others there from theirs, */
const maxRunsOfUser = 20
/** and of one process, for all of its workspaces. */
const maxRunsInProcess = 300

/** @throws UserInputError LIMIT_REACHED where the workspace, or the caller in it, has no room for one more */
export function assertRoomInWorkspace({ inWorkspace, ofUser }: RunsInProgress): void {
  if (inWorkspace >= maxRunsInWorkspace)
    throw userError('LIMIT_REACHED', null, `${maxRunsInWorkspace} runs are in progress.`)
  if (ofUser >= maxRunsOfUser)
    throw userError('LIMIT_REACHED', null, `${maxRunsOfUser} runs of yours are in progress.`)
}

/**
 * Of what a process can run, a workspace has at most as much as is free: so there is room for whoever
 * has none, however many workspaces somebody else has.
 *
 * @throws UserInputError LIMIT_REACHED where this process has no room for one more of the workspace
 */
export function assertRoomInProcess({ ofWorkspace, inProcess }: RunsTaken): void {
  if (ofWorkspace >= maxRunsInProcess - inProcess)
    throw userError('LIMIT_REACHED', null, 'The server runs all that it can; try again later.')
}
