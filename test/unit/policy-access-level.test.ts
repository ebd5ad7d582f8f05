import { expect, test } from 'vitest'
import {
  accessLevelOf,
  clashesWithLevel,
  joinLevel,
  withLevel,
} from '../../src/auth/access-level.ts'
import { aliases, permissionNames } from '../../src/auth/permissions.ts'

const full = ['agents:read', 'agents:update', 'agents:create', 'agents:delete']

test.each([
  [[], 'NONE'],
  [['agents:read'], 'VIEW'],
  [['agents:read', 'agents:update'], 'EDIT'],
  [full, 'FULL'],
  [['agents:*'], 'FULL'],
  [['*'], 'FULL'],
  [['*:read'], 'VIEW'],
  [['agents:update'], 'CUSTOM'],
  [['agents:read', 'agents:create'], 'CUSTOM'],
  [['agents:read', 'agents:update', 'agents:delete'], 'CUSTOM'],
])('%j reads %s', (names, level) => {
  expect(accessLevelOf(names)).toBe(level)
})

// Running is no part of the level: it is given and taken apart.
test('every other permission stands apart from the level', () => {
  for (const name of permissionNames) {
    if (full.includes(name)) continue
    expect([name, accessLevelOf([name])]).toEqual([name, 'NONE'])
    expect([name, accessLevelOf(['agents:read', name])]).toEqual([name, 'VIEW'])
    expect(withLevel([name], 'NONE')).toEqual([name])
  }
})

test('every level that is set reads as itself', () => {
  const before = ['agents:create', 'agents:run', 'keys:read', 'agents:read']
  for (const level of ['NONE', 'VIEW', 'EDIT', 'FULL'] as const) {
    const names = withLevel(before, level)
    expect(accessLevelOf(names)).toBe(level)
    expect(names.filter((name) => !full.includes(name))).toEqual(['agents:run', 'keys:read'])
  }
})

test('a level joins what is given, and takes nothing away', () => {
  expect(joinLevel(['agents:delete', 'agents:run'], 'VIEW')).toEqual([
    'agents:delete',
    'agents:run',
    'agents:read',
  ])
  expect(joinLevel(['agents:read'], 'VIEW')).toEqual(['agents:read'])
  expect(joinLevel(full, 'NONE')).toEqual(full)
})

test('an alias that covers agents clashes with a level, and nothing else does', () => {
  const clashing = [...aliases.keys(), ...permissionNames].filter(clashesWithLevel)
  expect(clashing.sort()).toEqual(['*', '*:read', 'agents:*'])
})
