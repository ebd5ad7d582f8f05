import { expect, test } from 'vitest'
import { type CachedCredential, createCredentialCache } from '../../src/auth/credential-cache.ts'
import { soleReplica } from '../../src/replication/replica.ts'

const of = (workspaceId: string, epoch: bigint) =>
  ({ caller: { workspaceId, epoch }, credential: { grants: [] } }) as unknown as CachedCredential
const stamped = (epoch: bigint) => of('w', epoch)

test('a reading that began before a change and ended after it puts no old rights back', () => {
  const cache = createCredentialCache(soleReplica, 64)
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
  const cache = createCredentialCache(soleReplica, 64)
  const [before, remembered] = [cache.reading(), cache.reading()]
  remembered('other digest', stamped(1n))
  cache.forget()
  before('digest', stamped(1n))
  expect([cache.get('digest'), cache.get('other digest')]).toEqual([undefined, undefined])
  cache.reading()('digest', stamped(1n))
  expect(cache.get('digest')).toEqual(stamped(1n))
})

// A server lives for months, and people make workspaces.
test('epochs are dropped where there are very many, and with them all that they could have made old', () => {
  const cache = createCredentialCache(soleReplica, 64)
  const slow = cache.reading()
  cache.reading()('of another', of('another', 1n))
  cache.raised('w', 2n)
  for (let count = 1; count < 100_000; count += 1) cache.raised(`w${count}`, 2n)
  expect(cache.get('of another')).toEqual(of('another', 1n))
  cache.raised('one more', 2n)
  slow('digest', stamped(1n))
  expect([cache.get('of another'), cache.get('digest')]).toEqual([undefined, undefined])
})

test('of very many, those that were used last are remembered, as far as they fit', () => {
  const cache = createCredentialCache(soleReplica, 1)
  const remember = cache.reading()
  const known = (...digests: string[]) => digests.filter((digest) => cache.get(digest))
  for (let count = 0; count < 233; count += 1) remember(`${count}`, stamped(1n))
  expect(known('0')).toEqual(['0'])
  remember('one more', stamped(1n))
  expect(known('0', '1', '2', 'one more')).toEqual(['0', '2', 'one more'])
  // One that names 1,000 spaces takes as much as 28 others.
  const grants = Array.from({ length: 1_000 }, () => ({}))
  remember('large', { ...stamped(1n), credential: { grants } } as unknown as CachedCredential)
  expect(known('3', '30', '40', 'large')).toEqual(['40', 'large'])
})

test('nothing is given without a lease', () => {
  const replica = { holdsLease: true, now: () => new Date() }
  const cache = createCredentialCache(replica, 64)
  cache.reading()('digest', stamped(1n))
  replica.holdsLease = false
  expect(cache.get('digest')).toBeUndefined()
  replica.holdsLease = true
  expect(cache.get('digest')).toEqual(stamped(1n))
})
