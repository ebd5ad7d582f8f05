import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expand } from '../../src/auth/permissions.ts'
import {
  cutRights,
  declaredBy,
  effectiveRights,
  heldIn,
  type Rights,
  reaches,
} from '../../src/auth/policy.ts'
import {
  declaration,
  excess,
  isWorkspacePermission,
  owner,
  ownerOf,
  reach,
  role,
  spaceIds,
} from '../setup/arbitrary.ts'

const runs = { numRuns: 1_000 }

const rights = fc
  .tuple(owner, declaration)
  .map(([its, terms]) => effectiveRights(its, declaredBy(terms)))

/** What a declaration allows by itself, whoever has it. */
const allowedBy = (terms: Parameters<typeof declaredBy>[0]): Rights =>
  effectiveRights({ role: 'OWNER', reach: 'all' }, declaredBy(terms))

// One that grew by being cut would make a token stronger than its key.
test('rights that are cut are never more than either', () => {
  fc.assert(
    fc.property(rights, declaration, (its, terms) => {
      const cut = cutRights(its, declaredBy(terms))
      expect(excess(cut, its)).toEqual([])
      expect(excess(cut, allowedBy(terms))).toEqual([])
      if (cut.allSpaces) expect([its.allSpaces, cut.spaces.size]).toEqual([true, 0])
      for (const held of cut.spaces.values())
        for (const name of held) {
          expect(isWorkspacePermission(name)).toBe(false)
          expect(cut.permissions.has(name)).toBe(true)
        }
    }),
    runs,
  )
})

// One that lost more than it was cut by would refuse what both allow.
test('rights that are cut hold whatever both hold, wherever both reach', () => {
  fc.assert(
    fc.property(rights, declaration, (its, terms) => {
      const cut = cutRights(its, declaredBy(terms))
      const allowed = allowedBy(terms)
      for (const name of its.permissions)
        expect(cut.permissions.has(name)).toBe(allowed.permissions.has(name))
      for (const id of spaceIds) {
        expect(reaches(cut, id)).toBe(reaches(its, id) && reaches(allowed, id))
        for (const name of heldIn(its, id))
          expect(heldIn(cut, id).has(name)).toBe(heldIn(allowed, id).has(name))
      }
    }),
    runs,
  )
})

test('cutting by everything changes nothing, cutting twice by the same as much as once', () => {
  const everything = { permissions: ['*'], allSpaces: true, grants: new Map() }
  const nothing = { permissions: [], allSpaces: false, grants: new Map() }
  fc.assert(
    fc.property(rights, declaration, (its, terms) => {
      expect(cutRights(its, everything)).toEqual(its)
      expect(cutRights(its, nothing)).toEqual({
        permissions: new Set(),
        allSpaces: false,
        spaces: new Map(),
      })
      const once = cutRights(its, declaredBy(terms))
      expect(cutRights(once, declaredBy(terms))).toEqual(once)
    }),
    runs,
  )
})

// What a token was minted with bounds it for good: no change of its key or owner brings more.
test('of a declaration that was cut once, no later rights bring back more than it says', () => {
  fc.assert(
    fc.property(role, reach, declaration, declaration, (its, reached, terms, snapshot) => {
      const later = effectiveRights(ownerOf(its, reached), declaredBy(terms))
      const cut = cutRights(later, declaredBy(snapshot))
      const said = expand(declaredBy(snapshot).permissions)
      for (const name of cut.permissions) expect(said.has(name)).toBe(true)
      if (!snapshot.allSpaces)
        expect([...cut.spaces.keys()].sort()).toEqual(
          snapshot.grants
            .map(({ spaceId }) => spaceId)
            .filter((id) => reaches(later, id))
            .sort(),
        )
    }),
    runs,
  )
})
