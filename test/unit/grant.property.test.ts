import fc from 'fast-check'
import { expect, test } from 'vitest'
import { delegationErrors, isAttenuation, type KeySettings } from '../../src/auth/delegation.ts'
import { declaredBy, effectiveRights } from '../../src/auth/policy.ts'
import { isAllowedAddress } from '../../src/input/addresses.ts'
import {
  callerBy,
  excess,
  keyTerms,
  names,
  owner,
  ownerOf,
  reach,
  role,
} from '../setup/arbitrary.ts'

const runs = { numRuns: 6_000 }
const addresses = ['10.1.2.3', '10.1.9.9', '10.2.0.1', '192.168.0.7', '2001:db8::1', '8.8.8.8']

const flip = (pick: number, bit: number): boolean => ((pick >> bit) & 1) === 1

/** Sometimes unlinks scopes, keeping what they give as the key's own, or edits one of them. */
function scopesMoved(
  key: KeySettings,
  less: readonly string[],
  pick: number,
): Partial<KeySettings> {
  if (pick % 13 === 0)
    return {
      permissions: [...key.permissions, ...key.scopes.flatMap(({ permissions }) => permissions)],
      scopes: key.scopes.filter((_, at) => flip(pick, at)),
    }
  if (pick % 13 > 4) return {}
  const edited = pick % 2 === 0 ? [...less, ...key.permissions] : less
  return { scopes: key.scopes.map((it, at) => (at === 0 ? { ...it, permissions: edited } : it)) }
}

/** A key that differs from another one in a few things, some narrower, some wider. */
function altered(
  key: KeySettings,
  other: KeySettings,
  less: readonly string[],
  pick: number,
): KeySettings {
  return {
    ...key,
    ...(flip(pick, 0) && { permissions: key.permissions.filter((_, at) => flip(pick, at % 20)) }),
    ...(flip(pick, 10) && { permissions: [...key.permissions, ...less.slice(0, 2)] }),
    ...scopesMoved(key, less, pick),
    ...(flip(pick, 1) && {
      grants: key.grants.map((grant, at) =>
        flip(pick, 2 + at)
          ? grant
          : { ...grant, narrowed: flip(pick, 6 + at) || !grant.narrowed, permissions: less },
      ),
    }),
    ...(pick % 5 === 0 && { requestsPerMinute: other.requestsPerMinute }),
    ...(pick % 7 === 0 && { expiresAt: other.expiresAt }),
    ...(pick % 11 === 0 && { allowedIps: other.allowedIps }),
  }
}

/** Two keys that are often alike, so that enough of the pairs are grantable. */
const pair = fc.tuple(keyTerms, keyTerms, names, fc.nat()).map(([first, other, less, pick]) => ({
  first,
  second: pick % 3 === 0 ? other : altered(first, other, less, pick),
}))

// A key never yields a stronger one: neither by what it does, nor where, nor how long.
test('what a caller may grant does nothing that the caller cannot', () => {
  let granted = 0
  fc.assert(
    fc.property(pair, role, reach, role, reach, ({ first, second }, hers, has, its, reached) => {
      const caller = callerBy(first, ownerOf(hers, has))
      const isOwn = second.ownerId === first.ownerId
      const key = { ...second, ownerKind: isOwn ? first.ownerKind : 'MACHINE' } as const
      if (delegationErrors(caller, key).length > 0) return
      granted++
      const machine = ownerOf(its === 'OWNER' ? 'ADMIN' : its, reached)
      const owned = isOwn ? ownerOf(hers, has) : machine
      const made = callerBy(key, owned)
      expect(excess(made.rights, caller.rights)).toEqual([])
      expect(isLater(key.expiresAt, first.expiresAt)).toBe(false)
      expect(isLater(key.requestsPerMinute, first.requestsPerMinute)).toBe(false)
      if (first.endsWithSecretId !== null) expect(key.endsWithSecretId).toBe(first.endsWithSecretId)
      for (const address of addresses)
        if (isAllowed(address, key.allowedIps))
          expect(isAllowed(address, first.allowedIps)).toBe(true)
    }),
    runs,
  )
  expect(granted).toBeGreaterThan(200)
})

const isLater = (after: Date | number | null, before: Date | number | null): boolean =>
  before !== null && (after === null || after > before)

const isAllowed = (address: string, blocks: readonly string[]): boolean =>
  blocks.length === 0 || isAllowedAddress(address, blocks)

// Two steps are no road either: what a granted key grants, its maker could have granted.
test('granting is transitive', () => {
  let chains = 0
  fc.assert(
    fc.property(pair, fc.nat(), owner, ({ first, second }, pick, its) => {
      const third = {
        ...second,
        permissions: second.permissions.filter((_, index) => (pick >> index) & 1),
      }
      const own = { ownerId: first.ownerId, ownerKind: first.ownerKind }
      const [a, b, c] = [first, { ...second, ...own }, { ...third, ...own }]
      if (delegationErrors(callerBy(a, its), b).length > 0) return
      if (delegationErrors(callerBy(b, its), c).length > 0) return
      chains++
      expect(excess(callerBy(c, its).rights, callerBy(a, its).rights)).toEqual([])
    }),
    runs,
  )
  expect(chains).toBeGreaterThan(100)
})

// An update that asks for no grant test must really take away only.
test('what only narrows leaves no right, space or bound wider than it was', () => {
  let narrowed = 0
  fc.assert(
    fc.property(pair, owner, ({ first, second }, its) => {
      if (!isAttenuation(first, second)) return
      narrowed++
      expect(second.ownerId).toBe(first.ownerId)
      const before = effectiveRights(its, declaredBy(first))
      expect(excess(effectiveRights(its, declaredBy(second)), before)).toEqual([])
      expect(isLater(second.expiresAt, first.expiresAt)).toBe(false)
      expect(isLater(second.requestsPerMinute, first.requestsPerMinute)).toBe(false)
      for (const address of addresses)
        if (isAllowed(address, second.allowedIps))
          expect(isAllowed(address, first.allowedIps)).toBe(true)
    }),
    runs,
  )
  expect(narrowed).toBeGreaterThan(200)
})

const sources = ['key', 'S', 'T']

/** The key once these give nothing any more: its own permissions, or those of a scope. */
const without = (key: KeySettings, gone: readonly string[]): KeySettings => ({
  ...key,
  permissions: gone.includes('key') ? [] : key.permissions,
  scopes: key.scopes.map((it) => (gone.includes(it.id) ? { ...it, permissions: [] } : it)),
})

// A scope, or the key itself, is narrowed later: nothing that it gave must be left.
test('onlyNarrows: whichever sources are emptied later, nothing is wider than it would have been', () => {
  let narrowed = 0
  fc.assert(
    fc.property(pair, owner, fc.subarray(sources), ({ first, second }, its, gone) => {
      if (!isAttenuation(first, second)) return
      if (gone.length > 0 && first.scopes.length > 0) narrowed++
      const before = effectiveRights(its, declaredBy(without(first, gone)))
      expect(excess(effectiveRights(its, declaredBy(without(second, gone))), before)).toEqual([])
    }),
    runs,
  )
  expect(narrowed).toBeGreaterThan(200)
})

test('onlyNarrows: a sequence of narrowings narrows', () => {
  let steps = 0
  const changes = fc.array(fc.tuple(keyTerms, names, fc.nat()), { minLength: 2, maxLength: 6 })
  fc.assert(
    fc.property(keyTerms, changes, (first, those) => {
      let key = first
      for (const [other, less, pick] of those) {
        const next = altered(key, other, less, pick)
        if (!isAttenuation(key, next)) continue
        if (next !== key) steps++
        key = next
      }
      expect(isAttenuation(first, key)).toBe(true)
    }),
    runs,
  )
  expect(steps).toBeGreaterThan(1_000)
})

test('the same key only narrows, and whoever holds all of it may grant it again', () => {
  fc.assert(
    fc.property(keyTerms, (key) => {
      expect(isAttenuation(key, key)).toBe(true)
      const self = callerBy(key, { role: 'OWNER', reach: 'all' })
      if (key.allSpaces || key.grants.every(({ narrowed }) => !narrowed))
        expect(delegationErrors(self, key)).toEqual([])
    }),
  )
})
