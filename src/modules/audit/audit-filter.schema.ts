import { badUserInput } from '../../errors.ts'
import { shown } from '../../input/shown.ts'
import { builder } from '../../schema/builder.ts'
import { instantInput } from '../../schema/filter-input.ts'
import { type AuditAction, isAuditAction } from '../../transactions/audit-actions.ts'
import type { AuditEventFilter } from './audit.visibility.ts'

/** What a list of events is narrowed by, in an input. */
export const AuditEventFilterInput = builder.inputType('AuditEventFilter', {
  description: 'Filters of a list of audit events; all that are given apply.',
  fields: (t) => ({
    actions: t.stringList({
      description: 'Events of any of these actions, such as api_key.rotated.',
    }),
    actorId: t.id({
      guard: { permission: 'members:read' },
      description: 'What this user did, by a sign-in or a key.',
    }),
    apiKeyId: t.id({ description: 'What was done with this key or a token of it.' }),
    targetId: t.id({ description: 'What was done to the object of this id.' }),
    since: t.field({ type: 'DateTime', description: 'From this instant on.' }),
    until: t.field({ type: 'DateTime', description: 'Before this instant.' }),
  }),
})

function actionInput(name: string, index: number): AuditAction {
  if (isAuditAction(name)) return name
  const path = ['filter', 'actions', String(index)]
  throw badUserInput(path, `There is no action ${shown(name, /^[a-z_]{1,40}\.[a-z_]{1,40}$/)}.`)
}

/**
 * The filter as it is given, read.
 *
 * @throws RequestError BAD_USER_INPUT for a value that is not acceptable
 */
export function filterInput({
  actions,
  ...filter
}: typeof AuditEventFilterInput.$inferInput): AuditEventFilter {
  const since = instantInput('since', filter.since)
  const until = instantInput('until', filter.until)
  if (since && until && since >= until)
    throw badUserInput(['filter', 'until'], 'until must be later than since.')
  return { ...filter, actions: actions?.map(actionInput), since, until }
}
