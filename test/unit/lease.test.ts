import { expect, test } from 'vitest'
import { Lease, leaseMs } from '../../src/replication/lease.ts'
import { jumpingClock } from '../setup/monotonic-clock.ts'

const beat = (age: number) => ({ sentAt: performance.now() - age, databaseTime: Date.now() })

test('a lease counts from the sending of a heartbeat, however late that comes back', () => {
  const clock = jumpingClock()
  clock.stop()
  const lease = new Lease()
  expect(lease.isHeld).toBe(false)
  lease.extend(beat(leaseMs))
  expect(lease.isHeld).toBe(false)
  lease.extend(beat(leaseMs - 1))
  expect(lease.isHeld).toBe(true)
  clock.forward(1)
  expect(lease.isHeld).toBe(false)
  lease.extend(beat(0))
  clock.forward(leaseMs - 1)
  expect(lease.isHeld).toBe(true)
  lease.end()
  expect(lease.isHeld).toBe(false)
})

test("the database's clock goes on by the monotonic one, and is never taken to be behind", () => {
  const clock = jumpingClock()
  clock.stop()
  const lease = new Lease()
  // It was read somewhere between the sending and now.
  lease.extend({ sentAt: performance.now() - 40, databaseTime: 1_000_000 })
  expect(lease.now().getTime()).toBe(1_000_040)
  clock.forward(60)
  expect(lease.now().getTime()).toBe(1_000_100)
})
