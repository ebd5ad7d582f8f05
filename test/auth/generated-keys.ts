import fc from 'fast-check'
import { expand, missingRequirements, permissionNames } from '../../src/auth/permissions.ts'
import type { View } from '../setup/view.ts'

/** Names with all that they require, so that most of what is asked for is well formed. */
export function closed(names: readonly string[]): string[] {
  const missing = missingRequirements(expand(names))
  return missing.length === 0 ? [...new Set(names)] : closed([...names, ...missing])
}
const names = fc
  .uniqueArray(fc.constantFrom('agents:*', 'members:*', '*:read', 'scopes:*', ...permissionNames), {
    maxLength: 8,
  })
  .map(closed)
export const kept = (list: readonly string[], pick: number): string[] =>
  closed(list.filter((_, index) => (pick >> (index % 20)) & 1))

/** A key as it is asked for. */
export interface Wanted {
  readonly permissions: readonly string[]
  readonly allSpaces: boolean
  /** Indices of spaces, with what narrows the key there. */
  readonly spaces: readonly { readonly index: number; readonly narrowing: number | null }[]
}

export const wanted = fc.record({
  permissions: fc.oneof(names, fc.constant(['*'])),
  allSpaces: fc.boolean(),
  spaces: fc
    .subarray([0, 1, 2])
    .chain((indices) =>
      fc.tuple(
        ...indices.map((index) =>
          fc.record({ index: fc.constant(index), narrowing: fc.option(fc.nat()) }),
        ),
      ),
    ),
})

const perSpace = /^(agents|sessions|documents):|^spaces:(read|update|delete)$/

/** The part of an input that says what a key may do and where. */
export function inputOf(
  { permissions, allSpaces, spaces }: Wanted,
  spaceIds: readonly string[],
): Record<string, unknown> {
  if (allSpaces) return { permissions, allSpaces }
  const held = [...expand(permissions)].filter((name) => perSpace.test(name))
  return {
    permissions,
    spaces: spaces.map(({ index, narrowing }) => ({
      spaceId: spaceIds[index],
      ...(narrowing !== null && { permissions: kept(held, narrowing) }),
    })),
  }
}

/** What of `inner` is not in `outer`, where a per-space permission counts in its spaces only. */
export function excess(inner: View, outer: View): string[] {
  const everywhere = outer.permissions.filter((name) => perSpace.test(name))
  const allowed = (id: string) => (outer.allSpaces ? everywhere : outer.spaces[id])
  const workspaceWide = (name: string): boolean => inner.allSpaces || !perSpace.test(name)
  return [
    ...(inner.allSpaces && !outer.allSpaces ? ['all spaces'] : []),
    ...inner.permissions.filter((it) => workspaceWide(it) && !outer.permissions.includes(it)),
    ...Object.entries(inner.spaces).flatMap(([id, held]) =>
      allowed(id) === undefined
        ? [`reach of ${id}`]
        : held.filter((name) => !allowed(id)?.includes(name)).map((name) => `${name} in ${id}`),
    ),
  ]
}
