import { expect, test } from 'vitest'
import {
  aliases,
  catalogue,
  covers,
  expand,
  isPermission,
  isPerSpace,
  missingRequirements,
  namesCovering,
  type PermissionName,
  permissionNames,
} from '../../src/auth/permissions.ts'

test('the catalogue holds exactly the actions of each resource', () => {
  const table = Object.fromEntries(
    Map.groupBy(permissionNames, (name) => name.split(':')[0] ?? '')
      .entries()
      .map(([resource, names]) => [resource, names.map((name) => name.split(':')[1]).join(' ')]),
  )
  expect(table).toEqual({
    workspace: 'read update',
    members: 'read create update delete own',
    spaces: 'read create update delete',
    agents: 'read create update delete run',
    sessions: 'read create terminate',
    documents: 'read upload delete',
    scopes: 'read create update delete',
    keys: 'read create update delete verify rotate',
    tokens: 'read delete',
    audit: 'read',
  })
})

test('agents, sessions, documents and spaces but for their creation are held per space', () => {
  const perSpace = ['agents', 'sessions', 'documents', 'spaces']
  for (const name of permissionNames)
    expect([name, isPerSpace(name)]).toEqual([
      name,
      perSpace.includes(name.split(':')[0] ?? '') && name !== 'spaces:create',
    ])
})

test('there are *, *:read and one alias a resource, and no others', () => {
  const resources = new Set(permissionNames.map((name) => `${name.split(':')[0]}:*`))
  expect([...aliases.keys()].sort()).toEqual(['*', '*:read', ...resources].sort())
  for (const name of ['*:*', '*:create', 'agents', 'agents:*:read', '', 'AGENTS:READ', 'toString'])
    expect([name, covers(name), isPermission(name)]).toEqual([name, [], false])
})

// Reading everywhere is no reading of keys, members, scopes, tokens or the audit log.
test('*:read covers exactly five permissions', () => {
  expect([...covers('*:read')].sort()).toEqual(
    ['workspace:read', 'spaces:read', 'agents:read', 'sessions:read', 'documents:read'].sort(),
  )
})

// Who holds members:* makes no owners.
test('only * includes members:own', () => {
  const others = [...aliases.keys(), ...permissionNames].filter(
    (name) => name !== '*' && name !== 'members:own',
  )
  expect(expand(others).has('members:own')).toBe(false)
  expect(expand(['*'])).toEqual(new Set(permissionNames))
  expect(namesCovering('members:own').sort()).toEqual(['*', 'members:own'])
})

test('a resource alias covers all that its resource has', () => {
  for (const [alias, covered] of aliases) {
    if (alias === '*' || alias === '*:read' || alias === 'members:*') continue
    const prefix = alias.slice(0, -1)
    expect(covered).toEqual(permissionNames.filter((name) => name.startsWith(prefix)))
  }
  expect([...covers('members:*')].sort()).toEqual(
    ['members:read', 'members:create', 'members:update', 'members:delete'].sort(),
  )
})

// An empty set, and one of unknown names, grants nothing.
test('nothing and unknown names expand to nothing', () => {
  expect(expand([])).toEqual(new Set())
  expect(expand(['agents:fly', 'constructor', '__proto__'])).toEqual(new Set())
})

test('every action requires the read of its resource, and what it is done to', () => {
  for (const name of permissionNames) {
    const [resource, action] = name.split(':')
    const requires = new Set<string>(catalogue[name].requires)
    const read = `${resource}:read`
    expect([name, requires.has(read)]).toEqual([name, action !== 'read' && name !== 'keys:rotate'])
    if (resource === 'sessions') expect([name, requires.has('agents:read')]).toEqual([name, true])
    if (resource === 'documents')
      expect([name, requires.has('sessions:read')]).toEqual([name, true])
  }
  expect(catalogue['agents:run'].requires).toContain('agents:read')
})

test('what is missing of the requirements is named once and in order', () => {
  expect(missingRequirements(expand(['documents:upload', 'sessions:create']))).toEqual([
    'agents:read',
    'sessions:read',
    'documents:read',
  ])
  expect(missingRequirements(expand(['*']))).toEqual([])
  expect(missingRequirements(expand(['*:read']))).toEqual([])
  expect(missingRequirements(new Set())).toEqual([])
})

// One round is enough: what is missing brings no further requirement of its own.
test('adding what is missing closes a set, whatever it held', () => {
  for (const name of permissionNames) {
    const held = new Set<PermissionName>([name])
    for (let left = missingRequirements(held); left.length > 0; left = missingRequirements(held))
      for (const missing of left) held.add(missing)
    expect(missingRequirements(held)).toEqual([])
    expect(held.has(name)).toBe(true)
  }
})
