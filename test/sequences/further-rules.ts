import { mustHaveEnded } from './endings.ts'
import { keysIn, type Snapshot } from './probe.ts'
import { breach, type Played, type Violation } from './rules.ts'

/** What must have ended is not accepted any more. */
export const endingRule = (played: Played): Violation[] =>
  mustHaveEnded(played)
    .filter(({ label }) => played.after.held.get(label)?.isLive)
    .map(({ label, why }) => ({ rule: `still alive after ${why}`, label, detail: '' }))

const areSame = (asked: readonly unknown[] | undefined, is: readonly unknown[]): boolean =>
  asked === undefined || new Set(asked).symmetricDifference(new Set(is)).size === 0

/** A key is what was asked for: lists replace as a whole, and one of spaces ends `allSpaces`. */
export function askedRule({ stage, step, after, outcome }: Played): Violation[] {
  const { action, input, n } = step
  if (!outcome.isDone || !['createApiKey', 'updateApiKey'].includes(action)) return []
  const label = action === 'createApiKey' ? `key${n}` : String(input.id).slice(1)
  const key = keysIn(after).get(stage.things.get(label)?.id ?? '')
  if (key === undefined) return []
  const { permissions, spaces } = input as {
    permissions?: string[]
    spaces?: { spaceId: string }[]
  }
  const asked = spaces?.map(({ spaceId }) => spaceId)
  const grants = key.grants.map(({ spaceId }) => `#${stage.labels.ofId(spaceId)}`)
  return breach('not what was asked for', label, [
    ...(areSame(permissions, key.permissions) ? [] : ['permissions']),
    ...(areSame(asked, grants) ? [] : ['spaces']),
    ...(asked !== undefined && key.allSpaces ? ['all spaces'] : []),
  ])
}

/** A key has its secret and at most one that this has replaced. */
export function secretsRule({ stage, after }: Played): Violation[] {
  const secrets = [...after.held.keys()].flatMap((label) => {
    const credential = stage.credentials.get(label)
    return credential?.kind === 'SECRET' ? [credential] : []
  })
  return [...Map.groupBy(secrets, ({ keyId = '' }) => keyId).values()].flatMap((its) =>
    breach('has more than two secrets', stage.labels.ofId(its[0]?.keyId ?? ''), [
      ...its.slice(2).map(({ label }) => label),
    ]),
  )
}

/** Every credential is of a present member. */
export function memberRule({ after }: Played): Violation[] {
  const held = [...after.held]
  const members = new Set(held.flatMap(([, { key, user }]) => (key === undefined ? [user] : [])))
  return held
    .filter(([, { isLive, user }]) => isLive && !members.has(user))
    .map(([label, { user }]) => ({ rule: 'alive without its owner', label, detail: user }))
}

/** What is an OWNER's ends by that owner, or by who holds members:own. */
export function ownersRule({ before, after, step }: Played): Violation[] {
  const caller = before.held.get(step.by)
  if (caller === undefined || caller.rights.permissions.has('members:own')) return []
  return [...before.held].flatMap(([label, was]) => {
    if (was.role !== 'OWNER' || was.user === caller.user || !was.isLive) return []
    const now = after.held.get(label)
    const isOver = !now?.isLive || now.role !== 'OWNER'
    const wrong = isOver ? ['ended'] : now.effectiveEnd < was.effectiveEnd ? ['shortened'] : []
    return breach("an OWNER's, by who does not hold members:own", label, wrong)
  })
}

/** The last OWNER who has signed in leaves to one with a key for everything alone. */
export function lastOwnerRule({ before, after, step }: Played): Violation[] {
  const ownersIn = ({ held }: Snapshot) => [...held.values()].filter(({ role }) => role === 'OWNER')
  const had = ownersIn(before).some(({ hasSignedIn }) => hasSignedIn)
  const has = ownersIn(after).some(
    ({ kind, hasSignedIn, isLive, key }) =>
      hasSignedIn || (kind === 'SECRET' && isLive && key?.permissions.includes('*')),
  )
  const wrong = had && !has ? ['they left'] : []
  return breach('no OWNER is left who can act', step.by, wrong)
}
