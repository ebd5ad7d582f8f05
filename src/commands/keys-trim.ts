import { keptDays } from '../jobs/rights-usage.ts'
import type { SpacesHold, TrimHold } from '../modules/api-key/plan-trim.ts'
import { type TrimmedKey, trimKeys } from '../modules/api-key/trim.ts'
import { defaultDays } from '../modules/api-key/used-rights.ts'
import { defineCommand, PartialFailure, UsageError } from './define.ts'
import { operatorIn, workspaceOption } from './operator-context.ts'
import { flag, valued, wholeNumber } from './option-values.ts'

const holds: Readonly<Record<TrimHold | SpacesHold, string>> = {
  NOT_RECORDED: 'nothing is taken: its use has not been recorded for so long',
  NEW: 'nothing is taken: it was made within these days',
  UNUSED: 'nothing is taken: it used no permission that it holds; revoke it if nobody needs it',
  EVERYTHING: 'nothing is taken: it holds * in all spaces, to administer the workspace',
  USER_LEVEL: "nothing is taken: it is a person's key in every workspace of theirs",
  ALL_SPACES: 'its spaces stay: it is for all spaces, now and later',
  DEALS_WITH_KEYS: 'its spaces stay: it sees other keys by the spaces that it reaches',
  NO_SPACE_USED: 'its spaces stay: it holds permissions in spaces, and used none of these',
}

const json = ({ apiKey: { id, name }, plan, isTrimmed, error }: TrimmedKey) => ({
  apiKey: { id, name },
  unusedPermissions: plan.permissions,
  unusedSpaceIds: plan.spaceIds,
  unusedOfScopes: plan.ofScopes,
  recentPermissions: plan.recentPermissions,
  recentSpaceIds: plan.recentSpaceIds,
  kept: plan.hold,
  spacesKept: plan.spacesHold,
  trimmed: isTrimmed,
  error,
})

/** What there is to say of a key besides its name; nothing of one that uses all that it holds. */
function linesOf({ plan, isTrimmed, error }: TrimmedKey): string[] {
  const isTaken = isTrimmed && plan.spacesHold === null
  const listed = [
    [isTrimmed ? 'taken permissions' : 'unused permissions', plan.permissions],
    [isTaken ? 'taken spaces' : 'unused spaces', plan.spaceIds],
    ['unused, and stay by a scope', plan.ofScopes],
    ['unused, and given within these days', [...plan.recentPermissions, ...plan.recentSpaceIds]],
  ] as const
  return [
    ...listed.flatMap(([title, names]) =>
      names.length === 0 ? [] : [`${title}: ${names.join(', ')}`],
    ),
    ...[plan.hold, plan.spacesHold].flatMap((hold) => (hold === null ? [] : [holds[hold]])),
    ...(error === null ? [] : [`not trimmed: ${error}`]),
  ]
}

function textOf(keys: readonly TrimmedKey[], summary: string): string {
  const blocks = keys.flatMap((key) => {
    const lines = linesOf(key).map((line) => `  ${line}`)
    return lines.length === 0 ? [] : [`${key.apiKey.id} ${key.apiKey.name}`, ...lines]
  })
  return [...blocks, summary].join('\n')
}

const counted = (count: number): string => `${count} ${count === 1 ? 'key' : 'keys'}`

/** @throws UsageError for a number outside 1 to 90 */
function daysOption(text: string | undefined): number {
  const days = wholeNumber('--days', keptDays, text) ?? defaultDays
  if (days > 0) return days
  throw new UsageError(`--days is ${JSON.stringify(text)}; expected 1 to ${keptDays}`)
}

export const keysTrim = defineCommand({
  words: 'keys trim',
  options: {
    ...workspaceOption,
    days: valued('N', `not used for so many days, 1 to ${keptDays}; ${defaultDays} by default`),
    apply: flag('take it from the keys; without it nothing is changed'),
  },
  description: 'list the permissions and spaces that keys hold and do not use, and take them away',
  example: 'keys trim --days 60 --apply',
  read(_given, { workspace, apply = false, ...options }) {
    const days = daysOption(options.days)
    return async (deps) => {
      const keys = await trimKeys(await operatorIn(deps, workspace), { days, apply })
      const result = keys.map(json)
      const failed = keys.filter(({ error }) => error !== null)
      const done = keys.filter(({ isTrimmed }) => isTrimmed)
      const possible = keys.filter(({ plan }) => Object.keys(plan.change).length > 0)
      const text = textOf(
        keys,
        apply
          ? `${counted(done.length)} trimmed.`
          : `${counted(possible.length)} can be trimmed; --apply does it.`,
      )
      if (failed.length > 0)
        throw new PartialFailure(`${counted(failed.length)} could not be trimmed\n${text}`, result)
      return { text, json: result }
    }
  },
})
