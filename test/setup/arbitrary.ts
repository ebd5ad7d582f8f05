import fc from 'fast-check'
import type { Caller } from '../../src/auth/caller.ts'
import type { KeySettings } from '../../src/auth/delegation.ts'
import { aliases, permissionNames } from '../../src/auth/permissions.ts'
import {
  type DeclaredTerms,
  declaredBy,
  effectiveRights,
  type Owner,
  type Rights,
} from '../../src/auth/policy.ts'
import { type Role, reachesAllSpaces, roles } from '../../src/auth/roles.ts'

export const spaceIds = ['A', 'B', 'C', 'D'] as const

const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...permissionNames) },
  { weight: 1, arbitrary: fc.constantFrom(...aliases.keys()) },
)

/** Names of permissions and aliases: few, many or none. */
export const names = fc.oneof(
  fc.uniqueArray(name, { maxLength: 4 }),
  fc.uniqueArray(name, { maxLength: 30 }),
  fc.constant(['*']),
)

export const role = fc.constantFrom<Role>(...roles)

/** The spaces that a role reaches by itself. */
export const reach = fc.subarray([...spaceIds])

export const ownerOf = (its: Role, reached: readonly string[]): Owner => ({
  role: its,
  reach: reachesAllSpaces(its) ? 'all' : new Set(reached),
})

export const owner = fc.tuple(role, reach).map(([its, reached]) => ownerOf(its, reached))

const grants = fc
  .subarray([...spaceIds])
  .chain((ids) =>
    fc.tuple(
      ...ids.map((spaceId) =>
        fc.record({ spaceId: fc.constant(spaceId), narrowed: fc.boolean(), permissions: names }),
      ),
    ),
  )

/** A declaration as the API stores it: all spaces, or a list of them. */
export const declaration: fc.Arbitrary<DeclaredTerms> = fc
  .record({
    permissions: names,
    scopes: fc.uniqueArray(fc.record({ id: fc.constantFrom('S', 'T'), permissions: names }), {
      maxLength: 2,
      selector: ({ id }) => id,
    }),
    allSpaces: fc.boolean(),
    grants,
  })
  .map((terms) => (terms.allSpaces ? { ...terms, grants: [] } : terms))

const expiresAt = fc.option(
  fc.integer({ min: 1, max: 4 }).map((year) => new Date(Date.UTC(2030 + year, 0, 1))),
)
const allowedIps = fc.constantFrom<string[][]>(
  [],
  ['10.0.0.0/8'],
  ['10.1.0.0/16'],
  ['10.1.2.3'],
  ['10.1.0.0/16', '192.168.0.0/24'],
  ['2001:db8::/32'],
  ['2001:db8::1'],
)

/** A whole key of one of two users. */
export const keyTerms: fc.Arbitrary<KeySettings> = fc
  .tuple(
    declaration,
    fc.record({
      ownerId: fc.constantFrom('me', 'other'),
      ownerKind: fc.constantFrom<('HUMAN' | 'MACHINE')[]>('HUMAN', 'MACHINE'),
      expiresAt,
      requestsPerMinute: fc.option(fc.integer({ min: 0, max: 3 })),
      allowedIps,
      endsWithSecretId: fc.constantFrom(null, 'one', 'two'),
    }),
  )
  .map(([declared, rest]) => ({ ...declared, ...rest }))

/** The caller that a key makes whose owner is this; a machine user is at most ADMIN. */
export function callerBy(terms: KeySettings, { role: given, reach: reached }: Owner): Caller {
  const isMachine = terms.ownerKind === 'MACHINE'
  const its: Owner = { role: isMachine && given === 'OWNER' ? 'ADMIN' : given, reach: reached }
  return {
    kind: 'API_KEY',
    workspaceId: 'w',
    epoch: 0n,
    user: {
      id: terms.ownerId,
      memberId: 'm',
      kind: terms.ownerKind,
      name: '',
      email: null,
      role: its.role,
    },
    key: { id: 'k', name: '' },
    allSpaces: terms.allSpaces,
    bounds: { ...terms, endsWith: terms.endsWithSecretId === null ? [] : [terms.endsWithSecretId] },
    plan: { plan: 'FREE', enterpriseRequestsPerMinute: null, enterpriseKeyLimit: null },
    validUntil: null,
    credentialHash: new Uint8Array(),
    secretId: null,
    originId: null,
    deprecation: null,
    isUserLevel: false,
    liveSpaces: spaceIds.length,
    rights: effectiveRights(its, declaredBy(terms)),
  }
}

/** What of `inner` is not in `outer`: permissions at all, spaces, and what is held in each. */
export function excess(inner: Rights, outer: Rights): string[] {
  const found: string[] = [...inner.permissions].filter((it) => !outer.permissions.has(it))
  if (inner.allSpaces && !outer.allSpaces) found.push('all spaces')
  // One more than are ever named: with all spaces it is reached, else it is not.
  for (const id of [...spaceIds, 'E']) {
    const held = heldThere(inner, id)
    const allowed = heldThere(outer, id)
    if (held === undefined) continue
    if (allowed === undefined) found.push(`reach of ${id}`)
    found.push(...[...held].filter((it) => !allowed?.has(it)).map((it) => `${it} in ${id}`))
  }
  return found
}

/** Written out here once more, so that a mistake in the policy's own helpers shows. */
const heldThere = (rights: Rights, id: string): ReadonlySet<string> | undefined =>
  rights.allSpaces
    ? new Set([...rights.permissions].filter((it) => perSpace.test(it)))
    : rights.spaces.get(id)

const perSpace = /^(agents|sessions|documents):|^spaces:(read|update|delete)$/

export const isWorkspacePermission = (permission: string): boolean => !perSpace.test(permission)
