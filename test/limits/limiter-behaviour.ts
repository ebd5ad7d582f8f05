import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import type { Bucket, Charge, Limiter } from '../../src/limits/buckets.ts'

/** A limiter on whose time the test decides. */
export interface TimedLimiter {
  readonly limiter: Limiter
  /** One that nothing has been charged to. */
  readonly workspaceId: string
  /** Lets so many seconds go by. */
  pass(seconds: number): Promise<void> | void
}

/** One charge: to buckets by their names, with their limits at that moment. */
interface Step {
  /** Seconds since the charge before. */
  readonly after?: number
  readonly cost: number
  readonly limits: Readonly<Record<string, number>>
}

/**
 * What came of it: how much remains of each bucket, and how many seconds its window goes on. Seconds
 * are in tens, so that a real clock may run meanwhile.
 */
interface Outcome {
  readonly isAllowed: boolean
  readonly remaining: readonly number[]
  readonly resets: readonly number[]
  /** Where it was refused. */
  readonly retryAfter?: number
}

const inTens = (seconds: number): number => Math.round(seconds / 10) * 10

const outcomeOf = ({ isAllowed, states, retryAfterSeconds }: Charge): Outcome => ({
  isAllowed,
  remaining: states.map(({ remaining }) => remaining),
  resets: states.map(({ resetMs }) => inTens(resetMs / 1_000)),
  ...(!isAllowed && { retryAfter: inTens(retryAfterSeconds) }),
})

async function run({ limiter, workspaceId, pass }: TimedLimiter, steps: readonly Step[]) {
  const outcomes: Outcome[] = []
  for (const { after = 0, cost, limits } of steps) {
    if (after > 0) await pass(after)
    const buckets = Object.entries(limits).map(
      ([id, limit]): Bucket => ({ subject: id === 'all' ? 'WORKSPACE' : 'KEY', id, limit }),
    )
    outcomes.push(outcomeOf(await limiter.charge(workspaceId, buckets, cost)))
  }
  return outcomes
}

/** The rules once more, in the plainest words. */
function model(steps: readonly Step[]): Outcome[] {
  const windows = new Map<string, { from: number; used: number }>()
  let now = 0
  return steps.map(({ after = 0, cost, limits }) => {
    now += after
    for (const [name, { from }] of windows) if (now - from >= 60) windows.delete(name)
    const usedOf = (name: string): number => windows.get(name)?.used ?? 0
    const leftOf = (name: string): number => 60 - (now - (windows.get(name)?.from ?? now))
    const isTooFull = ([name, limit]: [string, number]): boolean =>
      limit === 0 || (cost > 0 && usedOf(name) + cost > limit)
    const tooFull = Object.entries(limits).filter(isTooFull)
    const isAllowed = tooFull.length === 0
    if (isAllowed && cost > 0)
      for (const name of Object.keys(limits)) {
        const { from } = windows.get(name) ?? { from: now }
        windows.set(name, { from, used: usedOf(name) + cost })
      }
    return {
      isAllowed,
      remaining: Object.entries(limits).map(([name, limit]) => Math.max(0, limit - usedOf(name))),
      resets: Object.keys(limits).map(leftOf),
      ...(!isAllowed && { retryAfter: Math.max(...tooFull.map(([name]) => leftOf(name))) }),
    }
  })
}

const passed = (remaining: number[], resets = remaining.map(() => 60)): Outcome => ({
  isAllowed: true,
  remaining,
  resets,
})
const refused = (retryAfter: number, remaining: number[], resets: number[]): Outcome => ({
  isAllowed: false,
  remaining,
  resets,
  retryAfter,
})

const cases: Record<string, readonly (readonly [Step, Outcome])[]> = {
  'a limit of M lets M pass in a window': [
    [{ cost: 1, limits: { key: 3 } }, passed([2])],
    [{ cost: 1, limits: { key: 3 } }, passed([1])],
    [{ cost: 1, limits: { key: 3 } }, passed([0])],
    [{ cost: 1, limits: { key: 3 } }, refused(60, [0], [60])],
  ],
  'a window lasts 60 s from the first request on, whatever comes later': [
    [{ cost: 1, limits: { key: 2 } }, passed([1])],
    [{ after: 50, cost: 1, limits: { key: 2 } }, passed([0], [10])],
    [{ cost: 1, limits: { key: 2 } }, refused(10, [0], [10])],
    [{ after: 10, cost: 1, limits: { key: 2 } }, passed([1])],
    [{ after: 50, cost: 1, limits: { key: 2 } }, passed([0], [10])],
  ],
  'where one bucket has no room, neither is charged': [
    [{ cost: 2, limits: { key: 2, all: 10 } }, passed([0, 8])],
    [{ cost: 1, limits: { key: 2, all: 10 } }, refused(60, [0, 8], [60, 60])],
    [{ cost: 1, limits: { other: 9, all: 10 } }, passed([8, 7])],
    [{ cost: 8, limits: { other: 9, all: 10 } }, refused(60, [8, 7], [60, 60])],
    [{ cost: 7, limits: { other: 9, all: 10 } }, passed([1, 0])],
  ],
  'a refused request begins no window': [
    [{ cost: 4, limits: { key: 3, all: 10 } }, refused(60, [3, 10], [60, 60])],
    [{ after: 30, cost: 1, limits: { key: 3, all: 10 } }, passed([2, 9])],
  ],
  'a cost above the limit is refused, and what is within it still passes': [
    [{ cost: 6, limits: { key: 5 } }, refused(60, [5], [60])],
    [{ cost: 5, limits: { key: 5 } }, passed([0])],
  ],
  'one waits until the last window that is too full is over': [
    [{ cost: 2, limits: { all: 4 } }, passed([2])],
    [{ after: 20, cost: 2, limits: { key: 2, all: 4 } }, passed([0, 0], [60, 40])],
    [{ after: 10, cost: 1, limits: { key: 2, all: 4 } }, refused(50, [0, 0], [50, 30])],
    [{ cost: 1, limits: { other: 2, all: 4 } }, refused(30, [2, 0], [60, 30])],
  ],
  'a limit of 0 blocks, also who only looks': [
    [{ cost: 1, limits: { key: 0, all: 5 } }, refused(60, [0, 5], [60, 60])],
    [{ cost: 0, limits: { key: 0, all: 5 } }, refused(60, [0, 5], [60, 60])],
    [{ cost: 1, limits: { all: 5 } }, passed([4])],
  ],
  'to look costs nothing, begins no window and is never too much': [
    [{ cost: 0, limits: { key: 1 } }, passed([1])],
    [{ after: 30, cost: 1, limits: { key: 1 } }, passed([0])],
    [{ cost: 0, limits: { key: 1 } }, passed([0])],
    [{ after: 60, cost: 0, limits: { key: 1 } }, passed([1])],
  ],
  'what was used counts for a limit that is changed meanwhile': [
    [{ cost: 3, limits: { key: 5 } }, passed([2])],
    [{ cost: 1, limits: { key: 3 } }, refused(60, [0], [60])],
    [{ cost: 0, limits: { key: 2 } }, passed([0])],
    [{ cost: 1, limits: { key: 4 } }, passed([0])],
    [{ after: 60, cost: 1, limits: { key: 3 } }, passed([2])],
  ],
  'where nothing is limited everything passes': [[{ cost: 1_000, limits: {} }, passed([])]],
}

const step: fc.Arbitrary<Step> = fc.record({
  after: fc.constantFrom(0, 0, 0, 10, 20, 50, 60, 70),
  cost: fc.constantFrom(0, 1, 1, 1, 2, 5, 9),
  limits: fc.record(
    { key: fc.integer({ min: 0, max: 8 }), all: fc.integer({ min: 0, max: 12 }) },
    { requiredKeys: [] },
  ),
})

/** What every limiter does; `open` gives one for each use. */
export function limiterBehaviour(open: () => TimedLimiter): void {
  vi.setConfig({ testTimeout: 120_000 })
  test.each(Object.entries(cases))('%s', async (_name, steps) => {
    const outcomes = await run(
      open(),
      steps.map(([charge]) => charge),
    )
    expect(outcomes).toEqual(steps.map(([, outcome]) => outcome))
  })

  test('any sequence of charges comes to what the rules say', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        expect(await run(open(), steps)).toEqual(model(steps))
      }),
      { numRuns: 100 },
    )
  })

  test('of many at once exactly as many pass as have room, and what one workspace uses is no other’s', async () => {
    const one = open()
    const other = open()
    const limits: readonly Bucket[] = [
      { subject: 'KEY', id: 'key', limit: 50 },
      { subject: 'WORKSPACE', id: 'all', limit: 70 },
    ]
    const charges = await Promise.all(
      [one, other].flatMap(({ limiter, workspaceId }) =>
        Array.from({ length: 200 }, () => limiter.charge(workspaceId, limits, 1)),
      ),
    )
    for (const part of [charges.slice(0, 200), charges.slice(200)])
      expect(part.filter(({ isAllowed }) => isAllowed)).toHaveLength(50)
  })
}
