import { expect, test } from 'vitest'
import { type CachedCredential, createCredentialCache } from '../../src/auth/credential-cache.ts'
import { soleReplica } from '../../src/db/replica/replica.ts'

const stamped = (epoch: bigint) => ({ caller: { workspaceId: 'w', epoch } }) as CachedCredential

test('a reading that began before a change and ended after it puts no old rights back', () => {
  const cache = createCredentialCache(soleReplica)
  const remember = cache.reading()
  cache.raised('w', 2n)
  remember('digest', stamped(1n))
  expect(cache.get('digest')).toBeUndefined()
  remember('digest', stamped(2n))
  expect(cache.get('digest')).toEqual(stamped(2n))
  cache.raised('w', 3n)
  expect(cache.get('digest')).toBeUndefined()
})

// What was missed meanwhile is not known any more: no epoch tells that it is old.
test('a reading that began before changes may have been missed is not remembered', () => {
  const cache = createCredentialCache(soleReplica)
  const [before, remembered] = [cache.reading(), cache.reading()]
  remembered('other digest', stamped(1n))
  cache.forget()
  before('digest', stamped(1n))
  expect([cache.get('digest'), cache.get('other digest')]).toEqual([undefined, undefined])
  cache.reading()('digest', stamped(1n))
  expect(cache.get('digest')).toEqual(stamped(1n))
})

test('nothing is given without a lease', () => {
  const replica = { holdsLease: true, now: () => new Date() }
  const cache = createCredentialCache(replica)
  cache.reading()('digest', stamped(1n))
  replica.holdsLease = false
  expect(cache.get('digest')).toBeUndefined()
  replica.holdsLease = true
  expect(cache.get('digest')).toEqual(stamped(1n))
})
