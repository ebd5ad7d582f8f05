import { actions } from './actions.ts'
import type { Play } from './play.ts'
import type { Snapshot } from './probe.ts'
import type { Random } from './random.ts'
import type { Step } from './steps.ts'

/** Chooses who does what next, mostly something that they may. */
export function choose(
  play: Play,
  random: Random,
  n: number,
  focuses: readonly (string | undefined)[],
): Step {
  const tenant = random.chance(0.85) ? 0 : 1
  const snapshot = play.snapshots[tenant]
  if (random.chance(0.04)) {
    const input = { seconds: random.pick([61, 1_000, 4_000, 90_000]) }
    return { n, tenant, by: 'nobody', action: 'time', input }
  }
  const by = chooseCaller(play, snapshot, random, tenant)
  const caller = snapshot.held.get(by)
  if (caller === undefined) return { n, tenant, by, action: 'createAccessToken', input: {} }
  const held = caller.rights.permissions
  const isHopeful = random.chance(0.9)
  const isCrowded = snapshot.held.size > 45
  const possible = Object.entries(actions).filter(
    ([, { permission, by: kind = caller.kind }]) =>
      !isHopeful || (kind === caller.kind && (permission === null || held.has(permission))),
  )
  const hasLegacy = [...snapshot.held.values()].some(({ key }) => key?.legacy)
  const weights = possible.map(([name, { weight }]) => {
    const isIdle = isCrowded ? name.startsWith('create') : name === 'migrateLegacyKey' && !hasLegacy
    return isIdle ? weight / 5 : weight
  })
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let left = (random.below(1_000_000) / 1_000_000) * total
  const index = weights.findIndex((weight) => {
    left -= weight
    return left < 0
  })
  const [action, { input }] = possible[index] ?? possible[0] ?? raise('no action')
  return {
    n,
    tenant,
    by,
    action,
    input: input({
      random,
      stage: play.stage,
      snapshot,
      tenant,
      n,
      by,
      caller,
      focus: focuses[tenant],
    }),
  }
}

const raise = (message: string): never => {
  throw new Error(message)
}

function chooseCaller(play: Play, { held }: Snapshot, random: Random, tenant: 0 | 1): string {
  const labels = [...held].filter(([, { kind, isLive }]) => kind !== 'MACHINE' && isLive)
  const retiring = labels.filter(([, { isRetiring }]) => isRetiring)
  const kind = random.below(20)
  const ended = [...play.stage.credentials.values()].filter((it) => it.tenant === tenant)
  if (kind === 0) return random.pick(ended)?.label ?? `root${tenant}`
  if (kind < 6 && held.has(`root${tenant}`)) return `root${tenant}`
  if (kind < 9 && retiring.length > 0) return random.pick(retiring)?.[0] ?? ''
  const recent = [...play.stage.credentials.keys()].slice(-6)
  const among = kind < 14 ? labels.filter(([label]) => recent.includes(label)) : labels
  return random.pick(among)?.[0] ?? random.pick(labels)?.[0] ?? `root${tenant}`
}
