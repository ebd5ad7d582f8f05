import { expand, isPerSpace, permissionNames } from '../../src/auth/permissions.ts'
import { onlyOwnKeys } from '../../src/auth/roles.ts'
import { closed } from '../auth/generated-keys.ts'
import type { Held, Snapshot } from './probe.ts'
import type { Random } from './random.ts'
import { type Kind, peopleCount, type Stage } from './stage.ts'

/** What the choice of a step's input goes by. */
export interface Choice {
  readonly random: Random
  readonly stage: Stage
  readonly snapshot: Snapshot
  readonly tenant: 0 | 1
  readonly n: number
  readonly by: string
  readonly caller: Held
  /** The label of the key that the last steps were about. */
  readonly focus: string | undefined
}

export type Input = Record<string, unknown>

/** Some thing of the kind, nearly always of the caller's workspace; a recent one as often as not. */
export function thing({ random, stage, tenant }: Choice, kind: Kind): string {
  const isForeign = random.chance(0.03)
  const its = [...stage.things.values()].filter(
    (it) => it.kind === kind && (it.tenant === tenant) !== isForeign,
  )
  const chosen = random.pick(random.chance(0.5) ? its.slice(-4) : its)
  return `#${chosen?.label ?? 'nothing'}`
}

/** The keys that the caller may well see and change. */
const likelyKeys = (
  { stage, snapshot, caller }: Choice,
  isMeant = (_: NonNullable<Held['key']>): boolean => true,
): string[] =>
  [...snapshot.held.values()].flatMap(({ key: its, user }) =>
    its !== undefined && isMeant(its) && (!onlyOwnKeys(caller.role) || user === caller.user)
      ? [`#${stage.labels.ofId(its.id)}`]
      : [],
  )

/** A key, as often as not the one that the last steps were about; at times one that has ended. */
export function key(choice: Choice): string {
  const { random, focus } = choice
  const likely = likelyKeys(choice)
  if (focus !== undefined && likely.includes(focus) && random.chance(0.5)) return focus
  return (random.chance(0.95) ? random.pick(likely) : undefined) ?? thing(choice, 'key')
}

/** A key that was issued elsewhere, where there is one. */
export const legacyKey = (choice: Choice): string =>
  choice.random.pick(likelyKeys(choice, ({ legacy }) => legacy)) ?? key(choice)

export const emailOf = ({ random }: Choice): string => `@${random.below(peopleCount)}`

const shortcuts = ['*', '*:read', 'agents:*', 'keys:*', 'sessions:*', 'members:*', 'scopes:*']

/** Mostly what the caller holds, or some of it; at times anything. */
export function permissions({ random, caller }: Choice): string[] {
  const held = [...caller.rights.permissions]
  const kind = random.below(10)
  if (kind < 3) return held
  if (kind < 7) return closed(random.some(held, random.pick([0.15, 0.5, 0.8])))
  if (kind === 7) return closed(random.some(shortcuts, 0.3))
  return kind === 8 ? ['*'] : closed(random.some(permissionNames, 0.1))
}

/** Every space, or these. */
export interface Places extends Input {
  readonly allSpaces?: true
  readonly spaces?: readonly { readonly spaceId: string }[]
}

/** Where a key is to act: everywhere, in some of the spaces within the caller's reach, or nowhere. */
export function places(choice: Choice, declared: readonly string[]): Places {
  const { random, stage, snapshot, caller } = choice
  const kind = random.below(10)
  if (kind < 3) return { allSpaces: true }
  if (kind < 5) return {}
  const reached = caller.rights.allSpaces ? snapshot.spaces : [...caller.rights.spaces.keys()]
  const held = [...expand(declared)].filter(isPerSpace)
  const spaces = (kind === 9 ? snapshot.spaces : random.some(reached, 0.6)).map((id) => ({
    spaceId: `#${stage.labels.ofId(id)}`,
    ...(random.chance(0.25) && { permissions: closed(random.some(held)) }),
  }))
  return { spaces }
}

const blocks = [['10.0.0.0/8'], ['10.0.0.0/16'], ['10.0.0.0/16', '192.0.2.0/24']]

/** The caller's own limits nearly always, others at times. */
export function limits({ random, caller, by }: Choice): Input {
  const input: Input = {}
  const isBounded = caller.end !== Infinity
  if (isBounded && random.chance(0.85)) input.expiresAt = `=${by}`
  else if (random.chance(0.2)) input.expiresAt = `+${random.pick([90, 1_800, 90_000])}`
  if (caller.allowedIps.length > 0 && random.chance(0.85)) input.allowedIps = caller.allowedIps
  else if (random.chance(0.1)) input.allowedIps = random.pick(blocks)
  if (caller.requestsPerMinute !== Infinity && random.chance(0.85))
    input.requestsPerMinute = caller.requestsPerMinute
  else if (random.chance(0.1)) input.requestsPerMinute = random.pick([50_000, 60_000])
  return input
}

/** Some scopes, more often none. */
export const scopeIds = (choice: Choice): string[] =>
  choice.random.chance(0.35)
    ? [...new Set([thing(choice, 'scope'), thing(choice, 'scope')])].filter(isSomething)
    : []

export const isSomething = (label: string): boolean => label !== '#nothing'

/** A machine user nearly always, another person at times. */
export const owner = (choice: Choice): string => {
  const { snapshot, random } = choice
  const machines = [...snapshot.held].filter(([, { kind }]) => kind === 'MACHINE')
  const chosen = random.pick(machines)
  return chosen !== undefined && random.chance(0.95) ? `#${chosen[0]}` : thing(choice, 'user')
}

export const spaceIds = (choice: Choice): string[] => {
  const { random, snapshot, stage, caller } = choice
  const reached = caller.rights.allSpaces ? snapshot.spaces : [...caller.rights.spaces.keys()]
  const ids = random.chance(0.1) ? snapshot.spaces : random.some(reached)
  return ids.map((id) => `#${stage.labels.ofId(id)}`)
}
