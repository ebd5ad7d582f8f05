import type { SignInWorld } from '../sign-in/sign-in-world.ts'
import { choose } from './choose.ts'
import { begin, type Tally } from './play.ts'
import { createRandom } from './random.ts'
import type { Violation } from './rules.ts'
import { setup } from './setup.ts'
import type { Step } from './steps.ts'

/** The first rules that a sequence broke, with the steps up to there. */
export interface Failure {
  readonly steps: readonly Step[]
  readonly violations: readonly Violation[]
}

/** Plays a sequence that the seed determines. */
export async function playSequence(
  base: SignInWorld,
  seed: number,
  length: number,
  tally: Tally,
): Promise<Failure | undefined> {
  const random = createRandom(seed)
  const play = await begin(base, tally)
  const steps: Step[] = []
  const focuses: (string | undefined)[] = []
  for (let n = 1; n <= setup.length + length; n++) {
    const prepared = setup[n - 1]
    const step = prepared === undefined ? choose(play, random, n, focuses) : { n, ...prepared }
    steps.push(step)
    const violations = await play.step(step)
    if (violations.length > 0) return { steps, violations }
    const made = play.stage.things.get(`key${n}`)
    const about = made === undefined ? String(step.input.id ?? '') : `#key${n}`
    if (about.startsWith('#key')) focuses[step.tenant] = about
    if (random.chance(0.2)) {
      const label = random.pick([...play.snapshots[step.tenant].held.keys()]) ?? ''
      const looking = { n, tenant: step.tenant, by: label, action: 'look', input: {} }
      steps.push(looking)
      const found = await play.step(looking)
      if (found.length > 0) return { steps, violations: found }
    }
  }
  return undefined
}

/** Plays given steps again, without those that name what is not there. */
export async function replay(
  base: SignInWorld,
  steps: readonly Step[],
): Promise<Failure | undefined> {
  const play = await begin(base, new Map())
  for (const [index, step] of steps.entries()) {
    const violations = await play.step(step)
    if (violations.length > 0) return { steps: steps.slice(0, index + 1), violations }
  }
  return undefined
}

const kindOf = ({ violations }: Failure): string => violations[0]?.rule ?? ''

/** The same failure by fewer steps: parts are left out for as long as the same rule breaks. */
export async function shrink(base: SignInWorld, failure: Failure): Promise<Failure> {
  let best = failure
  for (let size = Math.ceil(best.steps.length / 2); size >= 1; size = Math.floor(size / 2))
    for (let at = best.steps.length - size; at >= 0; at -= size) {
      const fewer = best.steps.filter((_, index) => index < at || index >= at + size)
      const again = await replay(base, fewer)
      if (again !== undefined && kindOf(again) === kindOf(best)) best = again
    }
  return best
}
