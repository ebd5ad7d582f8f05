import type { AuditEvent } from '../generated/prisma/client.ts'
import { type ChainCheck, checkChain } from '../modules/audit/check-chain.ts'
import { readEvents } from '../modules/audit/read-events.ts'
import { changesOf } from '../modules/audit/stored-changes.ts'
import { defineCommand, PartialFailure, UsageError } from './define.ts'
import { operatorIn, workspaceOption } from './operator-context.ts'
import { instant, valued } from './option-values.ts'

/** A check as the API shows it. */
const checkJson = ({ broken, checkedEvents, headSequence, headHash }: ChainCheck) => ({
  intact: broken === undefined,
  checkedEvents,
  firstBrokenEventId: broken?.id ?? null,
  firstBrokenSequence: broken === undefined ? null : Number(broken.sequence),
  headSequence: Number(headSequence),
  headHash,
})

export const auditVerify = defineCommand({
  words: 'audit verify',
  options: workspaceOption,
  description: 'recompute the audit chain of a workspace; fails where it is broken',
  example: 'audit verify --workspace main',
  read:
    (_given, { workspace }) =>
    async (deps) => {
      const { workspaceId } = await operatorIn(deps, workspace)
      const check = await checkChain(deps, workspaceId)
      const { broken, checkedEvents, headHash } = check
      if (broken !== undefined) {
        const which = broken.id === null ? 'which is missing' : `the event ${broken.id}`
        throw new PartialFailure(
          `The audit chain is broken at number ${broken.sequence}, ${which}.`,
          checkJson(check),
        )
      }
      return {
        text: `The audit chain is intact: ${checkedEvents} events, the last with the hash ${headHash}.`,
        json: checkJson(check),
      }
    },
})

/** An event as one line of JSON, with the names of the API. */
const lineOf = ({ workspaceId, sequence, changes, ...event }: AuditEvent): string =>
  `${JSON.stringify({ workspaceId, sequence: String(sequence), ...event, changes: changesOf(changes) })}\n`

export const auditExport = defineCommand({
  words: 'audit export',
  options: {
    ...workspaceOption,
    since: valued('INSTANT', 'events from this instant on'),
    until: valued('INSTANT', 'events before this instant'),
  },
  isJson: true,
  description: 'print the audit log of a workspace, the oldest event first, each as a line of JSON',
  example: 'audit export --since 2027-01-01T00:00:00Z --until 2027-02-01T00:00:00Z',
  read(_given, { workspace, ...given }) {
    const since = instant('--since', given.since)
    const until = instant('--until', given.until)
    if (since && until && since >= until) throw new UsageError('--until must be later than --since')
    return async (deps, write) => {
      const { workspaceId } = await operatorIn(deps, workspace)
      const { auditSequence } = await deps.prisma.workspace.findUniqueOrThrow({
        where: { id: workspaceId },
      })
      for await (const events of readEvents(deps, workspaceId, auditSequence, { since, until }))
        if (!(await write(events.map(lineOf).join('')))) break
      return { text: '', json: undefined, target: workspaceId }
    }
  },
})
