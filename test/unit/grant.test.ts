import { expect, test } from 'vitest'
import { isAttenuation, type KeySettings } from '../../src/auth/delegation.ts'
import { permissionNames } from '../../src/auth/permissions.ts'

const key = (terms: Partial<KeySettings>): KeySettings => ({
  ownerId: 'me',
  ownerKind: 'HUMAN',
  permissions: [],
  scopes: [],
  allSpaces: false,
  grants: [],
  expiresAt: null,
  requestsPerMinute: null,
  allowedIps: [],
  endsWithSecretId: null,
  ...terms,
})

const agents = permissionNames.filter((name) => name.startsWith('agents:'))
const scope = (permissions: readonly string[]) => ({ id: 'S', permissions })
const inA = (permissions?: readonly string[]) => ({
  spaceId: 'A',
  narrowed: permissions !== undefined,
  permissions: permissions ?? [],
})
const narrows = (before: Partial<KeySettings>, after: Partial<KeySettings>): boolean =>
  isAttenuation(key(before), key(after))

// An alias covers what is added to it later: its parts of today are less.
test('an alias is more than all that it covers now', () => {
  expect(narrows({ permissions: ['agents:*'] }, { permissions: agents })).toBe(true)
  expect(narrows({ permissions: agents }, { permissions: ['agents:*'] })).toBe(false)
  expect(narrows({ permissions: ['*'] }, { permissions: ['agents:*', 'members:own'] })).toBe(true)
  expect(narrows({ permissions: permissionNames }, { permissions: ['*'] })).toBe(false)
  expect(narrows({ permissions: ['agents:*'] }, { permissions: [], scopes: [scope(['*'])] })).toBe(
    false,
  )
})

test('the same of an alias in a grant', () => {
  const before = { permissions: ['*'], grants: [inA(['agents:*'])] }
  const at = (permissions?: readonly string[]) => ({ ...before, grants: [inA(permissions)] })
  expect(narrows(before, at(agents))).toBe(true)
  expect(narrows(at(agents), before)).toBe(false)
  expect(narrows(before, at([]))).toBe(true)
  expect(narrows(at([]), before)).toBe(false)
  expect(narrows(before, at())).toBe(false)
  expect(narrows(before, at(['agents:read', 'spaces:read']))).toBe(false)
})

// A list is never all spaces, and all spaces hold every list.
test('a list is less than all spaces, and another list is not', () => {
  const all = { permissions: ['agents:*'], allSpaces: true }
  const list = { permissions: ['agents:*'], grants: [inA()] }
  const other = { permissions: ['agents:*'], grants: [{ ...inA(), spaceId: 'B' }] }
  expect(narrows(all, list)).toBe(true)
  expect(narrows(list, all)).toBe(false)
  expect(narrows(list, other)).toBe(false)
  expect(narrows(list, { ...list, grants: [] })).toBe(true)
  expect(narrows({ ...list, grants: [] }, list)).toBe(false)
})

test('null is the widest of every bound, and no bound may grow', () => {
  const [early, late] = [new Date(1), new Date(2)]
  expect(narrows({}, { expiresAt: late })).toBe(true)
  expect(narrows({ expiresAt: late }, { expiresAt: early })).toBe(true)
  expect(narrows({ expiresAt: early }, { expiresAt: late })).toBe(false)
  expect(narrows({ expiresAt: early }, {})).toBe(false)
  expect(narrows({}, { requestsPerMinute: 0 })).toBe(true)
  expect(narrows({ requestsPerMinute: 0 }, { requestsPerMinute: 1 })).toBe(false)
  expect(narrows({ requestsPerMinute: 0 }, {})).toBe(false)
  expect(narrows({}, { allowedIps: ['0.0.0.0/0'] })).toBe(true)
  expect(narrows({ allowedIps: ['10.0.0.0/8'] }, { allowedIps: ['10.1.0.0/16', '10.2.0.1'] })).toBe(
    true,
  )
  expect(narrows({ allowedIps: ['10.0.0.0/8'] }, { allowedIps: ['10.1.0.0/16', '::1'] })).toBe(
    false,
  )
  expect(narrows({ allowedIps: ['10.0.0.0/8'] }, {})).toBe(false)
})

// Another owner is another key, whatever else stays.
test('a change of owner never only narrows', () => {
  expect(narrows({ permissions: ['*'] }, { ownerId: 'other' })).toBe(false)
})

// A scope is narrowed or widened by itself later: what it gives today is not the key's own.
test('onlyNarrows: rights pass neither from a scope to the key nor back, nor between scopes', () => {
  const linked = { scopes: [scope(['agents:*'])] }
  const direct = { permissions: ['agents:*'] }
  const other = { scopes: [{ id: 'T', permissions: ['agents:*'] }] }
  expect(narrows(linked, direct)).toBe(false)
  expect(narrows(direct, linked)).toBe(false)
  expect(narrows(linked, other)).toBe(false)
  expect(narrows(linked, { ...linked, ...direct })).toBe(false)
  expect(narrows({ ...direct, ...linked }, linked)).toBe(true)
  expect(narrows({ ...direct, ...linked }, direct)).toBe(true)
  expect(narrows(linked, { permissions: ['agents:*', 'keys:read'] })).toBe(false)
})

test('onlyNarrows: a scope grows also where the key or another scope holds the same', () => {
  const direct = { permissions: ['agents:*'] }
  const narrow = { ...direct, scopes: [scope(['agents:read'])] }
  const wide = { ...direct, scopes: [scope(agents)] }
  expect(narrows(narrow, wide)).toBe(false)
  expect(narrows(wide, narrow)).toBe(true)
  const twin = { id: 'T', permissions: agents }
  expect(narrows({ scopes: [scope([]), twin] }, { scopes: [scope(agents), twin] })).toBe(false)
})
