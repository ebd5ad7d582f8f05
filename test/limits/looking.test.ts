import { expect, test } from 'vitest'
import { createInProcessLimiter } from '../../src/limits/in-process-limiter.ts'

// Whoever verifies for others pays nothing: their own bucket, used up or made smaller, must not stop
// them from it.
test('who only looks is refused by a limit of 0, and by nothing else', async () => {
  const limiter = createInProcessLimiter()
  const ask = (limit: number, cost: number) =>
    limiter.charge('wsp', [{ subject: 'KEY', id: 'key', limit }], cost)
  expect(await ask(5, 5)).toMatchObject({ isAllowed: true, states: [{ remaining: 0 }] })
  for (const limit of [5, 3])
    expect(await ask(limit, 0)).toMatchObject({ isAllowed: true, states: [{ remaining: 0 }] })
  expect(await ask(0, 0)).toMatchObject({ isAllowed: false })
  expect(await ask(5, 1)).toMatchObject({ isAllowed: false })
  expect(await ask(6, 1)).toMatchObject({ isAllowed: true, states: [{ remaining: 0 }] })
})
