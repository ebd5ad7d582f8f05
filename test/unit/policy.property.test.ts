import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expand } from '../../src/auth/permissions.ts'
import {
  declaredBy,
  effectiveRights,
  gainedByMove,
  heldIn,
  heldInAll,
  holdsIn,
  holdsInEvery,
  reaches,
  spacesWith,
  workspaceWide,
} from '../../src/auth/policy.ts'
import { ceilings } from '../../src/auth/roles.ts'
import {
  declaration,
  excess,
  isWorkspacePermission,
  names,
  owner,
  ownerOf,
  reach,
  role,
  spaceIds,
} from '../setup/arbitrary.ts'

const runs = { numRuns: 1_000 }

// What a key does is never more than it says, nor than its owner's role allows, nor elsewhere.
test('effective rights lie within the declaration, the ceiling, and the reach', () => {
  fc.assert(
    fc.property(owner, declaration, (its, terms) => {
      const declared = declaredBy(terms)
      const rights = effectiveRights(its, declared)
      const said = expand(declared.permissions)
      for (const name of rights.permissions)
        expect(said.has(name) && ceilings[its.role].has(name)).toBe(true)
      expect(rights.allSpaces).toBe(terms.allSpaces && its.reach === 'all')
      for (const [id, held] of rights.spaces) {
        const grant = terms.grants.find(({ spaceId }) => spaceId === id)
        expect(its.reach === 'all' || its.reach.has(id)).toBe(true)
        expect(terms.allSpaces || grant !== undefined).toBe(true)
        for (const name of held) {
          expect(isWorkspacePermission(name)).toBe(false)
          expect(rights.permissions.has(name)).toBe(true)
          if (grant?.narrowed) expect(expand(grant.permissions).has(name)).toBe(true)
        }
      }
    }),
    runs,
  )
})

// Emptying or shortening any list takes away or changes nothing; it never gives.
test('narrowing any part of a declaration never widens the rights', () => {
  fc.assert(
    fc.property(owner, declaration, names, fc.nat(), (its, terms, less, pick) => {
      const rights = effectiveRights(its, declaredBy(terms))
      const kept = <T>(list: readonly T[]): T[] => list.filter((_, index) => (pick >> index) & 1)
      const inOneGrant = terms.grants.map((grant, index) =>
        index === pick % terms.grants.length
          ? {
              ...grant,
              narrowed: true,
              permissions: grant.narrowed ? kept(grant.permissions) : less,
            }
          : grant,
      )
      const narrower = [
        { ...terms, permissions: [] },
        { ...terms, permissions: kept(terms.permissions) },
        { ...terms, scopes: [] },
        { ...terms, scopes: kept(terms.scopes) },
        { ...terms, scopes: terms.scopes.map((scope) => ({ ...scope, permissions: [] })) },
        { ...terms, allSpaces: false },
        { ...terms, grants: [] },
        { ...terms, grants: kept(terms.grants) },
        { ...terms, grants: inOneGrant },
        { ...terms, grants: terms.grants.map((g) => ({ ...g, narrowed: true, permissions: [] })) },
      ]
      for (const after of narrower)
        expect(excess(effectiveRights(its, declaredBy(after)), rights)).toEqual([])
    }),
    runs,
  )
})

const order = ['MEMBER', 'BUILDER', 'ADMIN', 'OWNER'] as const

// A demotion, or a space lost, shrinks every key at once: the declaration brings nothing back.
test('a lower role or a smaller reach never widens the rights', () => {
  fc.assert(
    fc.property(role, role, reach, reach, declaration, (one, other, wide, some, terms) => {
      const [lower, higher] = [one, other].sort((a, b) => order.indexOf(a) - order.indexOf(b))
      if (lower === undefined || higher === undefined) throw new Error('There are two.')
      const narrow = wide.filter((id) => some.includes(id))
      const declared = declaredBy(terms)
      const after = effectiveRights(ownerOf(lower, narrow), declared)
      expect(excess(after, effectiveRights(ownerOf(higher, wide), declared))).toEqual([])
    }),
    runs,
  )
})

// An empty set grants nothing, whoever the owner is.
test('a key that declares nothing may do nothing', () => {
  fc.assert(
    fc.property(owner, declaration, (its, terms) => {
      const scopes = terms.scopes.map((scope) => ({ ...scope, permissions: [] }))
      const rights = effectiveRights(its, declaredBy({ ...terms, permissions: [], scopes }))
      expect(rights.permissions.size).toBe(0)
      for (const id of spaceIds) expect(heldIn(rights, id).size).toBe(0)
      expect(workspaceWide(rights)).toEqual([])
    }),
  )
})

test('every way to ask gives the same answer', () => {
  fc.assert(
    fc.property(owner, declaration, (its, terms) => {
      const rights = effectiveRights(its, declaredBy(terms))
      for (const name of expand(['agents:*', 'spaces:update'])) {
        const where = spacesWith(rights, name)
        for (const id of spaceIds) {
          expect(holdsIn(rights, name, id)).toBe(heldIn(rights, id).has(name))
          expect(where === 'all' || where.includes(id)).toBe(holdsIn(rights, name, id))
          if (holdsIn(rights, name, id)) expect(reaches(rights, id)).toBe(true)
        }
        const reached = rights.allSpaces ? ['A', 'E'] : [...rights.spaces.keys()]
        expect(holdsInEvery(rights, name, reached)).toBe(workspaceWide(rights).includes(name))
        expect(holdsInEvery(rights, name, [])).toBe(false)
      }
    }),
    runs,
  )
})

// Through whatever spaces it goes: no step gives its mover anything, so that all together give nothing.
test('moves that each give their mover nothing give nothing together', () => {
  const inSpaces = fc.subarray([...spaceIds], { minLength: 1 })
  fc.assert(
    fc.property(
      owner,
      declaration,
      fc.array(inSpaces, { minLength: 2, maxLength: 8 }),
      (its, terms, steps) => {
        const rights = effectiveRights(its, declaredBy(terms))
        const [start = []] = steps
        let at = start
        for (const to of steps) if (gainedByMove(rights, at, to).length === 0) at = to
        const before = heldInAll(rights, start)
        expect(heldInAll(rights, at).filter((name) => !before.includes(name))).toEqual([])
      },
    ),
    runs,
  )
})

// By rights: what is gained is held in all new spaces, and lacks in one that is left at least.
test('a move gives what is held in each new space and lacking in a space that is left', () => {
  const inSpaces = fc.subarray([...spaceIds], { minLength: 1 })
  fc.assert(
    fc.property(owner, declaration, inSpaces, inSpaces, (its, terms, from, to) => {
      const rights = effectiveRights(its, declaredBy(terms))
      const left = from.filter((id) => !to.includes(id))
      const expected = [...expand(['*'])].filter(
        (name) =>
          !isWorkspacePermission(name) &&
          to.every((id) => holdsIn(rights, name, id)) &&
          left.some((id) => !holdsIn(rights, name, id)),
      )
      expect(gainedByMove(rights, from, to)).toEqual(expected)
    }),
    runs,
  )
})
