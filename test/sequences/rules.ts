import { expand, isPermission, isPerSpace } from '../../src/auth/permissions.ts'
import type { Outcome } from './perform.ts'
import { beyond, either, inEachSpace, limitsBeyond, type Powers } from './powers.ts'
import { type Held, keysIn, type Snapshot } from './probe.ts'
import type { Stage } from './stage.ts'
import type { Step } from './steps.ts'

/** A step, and the workspace before and after it. */
export interface Played {
  readonly stage: Stage
  readonly step: Step
  readonly outcome: Outcome
  readonly before: Snapshot
  readonly after: Snapshot
  /** The most that each credential could ever do, by its label; of a token, what it began with. */
  readonly most: ReadonlyMap<string, Powers>
}

/** A rule that does not hold. */
export interface Violation {
  readonly rule: string
  /** The credential, or whatever else it does not hold for. */
  readonly label: string
  readonly detail: string
}

/** Tells a rule that does not hold, unless there is nothing wrong. */
export function breach(rule: string, label: string, wrong: readonly string[]): Violation[] {
  if (wrong.length === 0) return []
  const [shown, rest] = [wrong.slice(0, 6).join(', '), wrong.length - 6]
  return [{ rule, label, detail: rest > 0 ? `${shown} and ${rest} more` : shown }]
}

/** What of a member counts: a machine user has no credential, and reaches what it is let into. */
const countedNames = ({ kind, names }: Held): Set<string> =>
  kind === 'MACHINE'
    ? new Set([...names].filter((name) => !name.includes('~') && !isPerSpaceAlone(name)))
    : new Set(names)

const isPerSpaceAlone = (name: string): boolean => isPermission(name) && isPerSpace(name)

const nothing: Powers = { names: new Set(), end: -1, requestsPerMinute: -1, allowedIps: [] }

/** Whether the secret has a successor that was never used: the answer that held it may be lost. */
function hasUnusedSuccessor({ stage, before }: Played, label: string): boolean {
  const keyId = stage.credentials.get(label)?.keyId
  const current = [...before.held].find(
    ([, held]) => held.kind === 'SECRET' && held.key?.id === keyId && !held.isRetiring,
  )
  return current !== undefined && !stage.used.has(current[0])
}

/** What the caller of a step could do before it, within their own limits; nothing where time passes. */
function givable(played: Played): Powers {
  const { step, before, stage } = played
  const caller = before.held.get(step.by)
  if (caller === undefined) return nothing
  const names = inEachSpace(caller.names, before.spaces)
  if (!caller.isRetiring || !hasUnusedSuccessor(played, step.by)) return { ...caller, names }
  const end = caller.key?.expiresAt?.getTime() ?? Infinity
  return { ...caller, names, end: end + stage.agedMs }
}

/** What somebody has by a step that they had not before; all of it where it lasts or reaches further. */
function gainedBy({ before, after }: Played, label: string, now: Held): string[] {
  const was = before.held.get(label)
  const untilEffectiveEnd = (held: Held): Held => ({ ...held, end: held.effectiveEnd })
  const isWhole =
    !was?.isLive || limitsBeyond(untilEffectiveEnd(now), untilEffectiveEnd(was)).length > 0
  const there = after.spaces.filter((id) => before.spaces.includes(id))
  const earlier = isWhole ? new Set<string>() : inEachSpace(countedNames(was), there)
  // In a space that the step itself has made there is nothing yet.
  const isNew = (name: string): boolean =>
    after.spaces.some((id) => name.endsWith(`@${id}`) && !there.includes(id))
  const names = inEachSpace(countedNames(now), there)
  return [...names].filter((name) => !earlier.has(name) && !isNew(name))
}

/** Nobody gives more than they can do themselves, nor for longer, from elsewhere or more often. */
export function giverRule(played: Played): Violation[] {
  const giver = givable(played)
  return [...played.after.held].flatMap(([label, now]) => {
    const gained = now.isLive ? gainedBy(played, label, now) : []
    if (gained.length === 0) return []
    // A chain of tokens has an end of its own, which the receiver's rule looks at.
    const isSuccessor = played.step.action === 'rotateAccessToken' && now.kind === 'TOKEN'
    const limits = now.kind === 'MACHINE' ? [] : limitsBeyond(now, giver)
    const excess = [
      ...beyond(gained, giver.names),
      ...limits.filter((limit) => !(isSuccessor && limit === 'a later end')),
    ]
    return breach('more than its giver could do', label, excess)
  })
}

/** Nobody writes a permission into a key that they do not hold, whatever else gave it to the key. */
export function declarationRule({ before, after, step, stage }: Played): Violation[] {
  const caller = before.held.get(step.by)
  const earlier = keysIn(before)
  return [...keysIn(after).values()].flatMap((key) => {
    // A person's own key may declare more than their role, which cuts it.
    if (caller?.kind === 'PERSON' && caller.user === key.ownerEmail) return []
    const was = expand(earlier.get(key.id)?.permissions ?? [])
    const excess = [...expand(key.permissions)].filter(
      (name) =>
        !was.has(name) &&
        !caller?.rights.permissions.has(name) &&
        !(name === 'members:own' && key.ownerKind === 'MACHINE'),
    )
    return breach('written by who does not hold it', stage.labels.ofId(key.id), excess)
  })
}

/** Nobody holds a secret or token that does more than they ever could by what they got it with. */
export const receiverRule = ({ stage, after, most }: Played): Violation[] =>
  [...after.held].flatMap(([label, held]) => {
    const receiver = stage.credentials.get(label)?.receiver
    const outer = receiver === undefined ? undefined : most.get(receiver)
    if (!held.isLive || outer === undefined) return []
    const excess = [...beyond(held.names, outer.names, held.user), ...limitsBeyond(held, outer)]
    return breach('more than its receiver ever could do', label, excess)
  })

/** A token, and what it is rotated into, never does more than when the first was minted. */
export const tokenRule = ({ stage, after, most }: Played): Violation[] =>
  [...after.held].flatMap(([label, held]) => {
    const first = most.get(stage.credentials.get(label)?.family ?? label)
    if (held.kind !== 'TOKEN' || first === undefined) return []
    const excess = beyond(held.names, first.names, held.user)
    return breach('more than it was minted with', label, excess)
  })

/** Remembers the most of each; of a token, what it began with. */
export function remember({ held }: Snapshot, most: Map<string, Powers>): void {
  for (const [label, now] of held) {
    const before = most.get(label)
    if (before === undefined) most.set(label, now.isLive ? now : { ...now, names: new Set() })
    else if (now.isLive && now.kind !== 'TOKEN') most.set(label, either(before, now))
  }
}
