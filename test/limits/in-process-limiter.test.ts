import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Bucket } from '../../src/limits/buckets.ts'
import { createInProcessLimiter } from '../../src/limits/in-process-limiter.ts'
import { limiterBehaviour } from './limiter-behaviour.ts'

function open() {
  let now = 1_700_000_000_000
  return {
    limiter: createInProcessLimiter(() => now),
    workspaceId: `wsp_${randomUUID()}`,
    pass: (seconds: number) => {
      now += Math.round(seconds * 1_000)
    },
  }
}

limiterBehaviour(open)

const bucket = (limit: number): readonly Bucket[] => [{ subject: 'KEY', id: 'key', limit }]

// A window that is measured from the last request never ends while requests come.
test('steady traffic of no more than a limit is never refused, over three windows', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 600 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 1, max: 1.5, noNaN: true }),
      async (limit, phase, slowness) => {
        const { limiter, workspaceId, pass } = open()
        const everySeconds = Math.ceil((60_000 / limit) * slowness) / 1_000
        pass(phase * everySeconds)
        for (let passed = 0; passed < 180 + 2 * everySeconds; passed += everySeconds) {
          const { isAllowed } = await limiter.charge(workspaceId, bucket(limit), 1)
          expect(isAllowed).toBe(true)
          pass(everySeconds)
        }
      },
    ),
    { numRuns: 40 },
  )
})

test('traffic just above a limit passes up to it in each window', async () => {
  const { limiter, workspaceId, pass } = open()
  const allowed: number[] = []
  for (let at = 0; at < 180_000; at += 1_000) {
    const { isAllowed } = await limiter.charge(workspaceId, bucket(50), 1)
    if (isAllowed) allowed.push(Math.floor(at / 60_000))
    pass(1)
  }
  for (const window of [0, 1, 2]) expect(allowed.filter((it) => it === window)).toHaveLength(50)
})

test('a window is over to the millisecond', async () => {
  const { limiter, workspaceId, pass } = open()
  await limiter.charge(workspaceId, bucket(1), 1)
  pass(59.999)
  expect((await limiter.charge(workspaceId, bucket(1), 1)).isAllowed).toBe(false)
  pass(0.001)
  expect((await limiter.charge(workspaceId, bucket(1), 1)).isAllowed).toBe(true)
})
