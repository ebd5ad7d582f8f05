/*
 * No secret ever does more than the most that its receivers could ever be given.
 *
 * 1. Random callers (keys, tokens, people; with limits, with a list of spaces, with a secret that is
 *    being replaced) run random mutations through the front door, in two workspaces of one database.
 * 2. Every credential counts as stolen by somebody who keeps it, so there is no list of attackers:
 *    what holds for each credential by itself holds for any who put theirs together.
 * 3. Before and after each step, what every credential and member can do is read with the decision
 *    itself (auth/policy), and never with auth/grant, which is what is tested here.
 * 4. The giver's rule: whatever grows by a step was held by its caller just before, within their own
 *    end, addresses and limit; a person's membership has no such limits.
 * 5. The receiver's rule: a secret does nothing, ever, that the credential whose caller was given it
 *    could not do at some time; so an honest widening gives nothing to who held less.
 * 6. The ends: what is revoked, rotated away, transferred, removed or too old is refused, and with it
 *    whatever must end with it.
 * 7. Further rules are small: tokens, OWNERs, agents that move, sessions, what a caller lists.
 * 8. Steps are data that names things by the step which made them: a failing sequence is repeated
 *    without parts of it until none can be left out, and printed with its seed.
 */
import { afterAll, expect, test } from 'vitest'
import { createSignInWorld } from '../sign-in/sign-in-world.ts'
import { actions } from './actions.ts'
import type { Tally } from './play.ts'
import { type Failure, playSequence, shrink } from './run.ts'

/** SEQUENCE_STEPS and SEQUENCE_SEED set how many steps are taken in all, and the first seed. */
const stepCount = Number(process.env.SEQUENCE_STEPS ?? 20_000)
const firstSeed = Number(process.env.SEQUENCE_SEED ?? 1)

/** The files that share the steps, each on a processor of its own. */
const shards = 3
const stepsPerSequence = 100
/** More failures are most likely more of the same. */
const maxFailures = 5

const report = (seed: number, { steps, violations }: Failure): string =>
  [
    `SEQUENCE_SEED=${seed}`,
    ...steps.map(
      ({ n, tenant, by, action, input }) =>
        `${n}. in ${tenant}, ${by}: ${action} ${JSON.stringify(input)}`,
    ),
    ...violations.map(({ rule, label, detail }) => `=> ${label}: ${rule}: ${detail}`),
  ].join('\n')

/** Takes a third of the steps. */
export async function testSequences(shard: number): Promise<void> {
  const base = await createSignInWorld()
  afterAll(() => base.close())

  test('any mutations by anybody: no secret does more than its receivers could', async () => {
    const tally: Tally = new Map()
    const taken = () =>
      [...tally.values()].reduce((sum, { done, refused }) => sum + done + refused, 0)
    const failures = new Map<string, string>()
    for (
      let seed = firstSeed + shard;
      taken() < stepCount / shards && failures.size < maxFailures;
      seed += shards
    ) {
      const failure = await playSequence(base, seed, stepsPerSequence, tally)
      const kind = `${failure?.violations[0]?.rule} by ${failure?.steps.at(-1)?.action}`
      if (failure !== undefined && !failures.has(kind))
        failures.set(kind, report(seed, await shrink(base, failure)))
    }
    expect([...failures.values()].join('\n\n')).toBe('')
    if (stepCount < 20_000) return
    const neverDone = Object.keys(actions).filter((action) => !tally.get(action)?.done)
    expect(neverDone).toEqual([])
  }, 0)
}
