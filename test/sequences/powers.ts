import { isPerSpace } from '../../src/auth/permissions.ts'
import type { Rights } from '../../src/auth/policy.ts'
import { isInsideBlocks } from '../../src/input/addresses.ts'

/** What limits a credential, or the most lenient of what ever did. */
export interface Limits {
  /** When it ends, in milliseconds; Infinity: not by itself. */
  readonly end: number
  readonly requestsPerMinute: number
  /** Empty: any address. */
  readonly allowedIps: readonly string[]
}

/**
 * What a credential can do, as names: `permission` is held at all, as a field's guard sees it;
 * `permission@space` in that space, `permission@*` in all spaces, `permission@~user` in all that this
 * user reaches. Without a permission, `@space`: the space is within reach.
 */
export interface Powers extends Limits {
  readonly names: ReadonlySet<string>
}

export const unlimited: Limits = { end: Infinity, requestsPerMinute: Infinity, allowedIps: [] }

/** The names of what rights hold. `user`: whose every space they reach, if they are limited to no list. */
export function namesOf(rights: Rights, user: string | undefined): Set<string> {
  const names = new Set<string>(rights.permissions)
  const perSpace = ['', ...[...rights.permissions].filter(isPerSpace)]
  for (const [space, held] of rights.spaces)
    for (const name of ['', ...held]) names.add(`${name}@${space}`)
  for (const name of perSpace) {
    if (rights.allSpaces) names.add(`${name}@*`)
    if (user !== undefined) names.add(`${name}@~${user}`)
  }
  return names
}

/** The same with all spaces spelled out as well. */
export function inEachSpace(names: ReadonlySet<string>, spaces: readonly string[]): Set<string> {
  const spelled = new Set(names)
  for (const name of names)
    if (name.endsWith('@*')) for (const space of spaces) spelled.add(name.slice(0, -1) + space)
  return spelled
}

/** The names beyond `outer`, where what `user` reaches is covered by "wherever this user reaches". */
export const beyond = (
  names: Iterable<string>,
  outer: ReadonlySet<string>,
  user?: string,
): string[] =>
  [...names].filter((name) => {
    const permission = name.slice(0, name.indexOf('@') + 1)
    return !(
      outer.has(name) ||
      (permission !== '' && (outer.has(`${permission}*`) || outer.has(`${permission}~${user}`)))
    )
  })

/** Which of the limits of `inner` are more lenient than those of `outer`. */
export function limitsBeyond(inner: Limits, outer: Limits): string[] {
  const isInside =
    outer.allowedIps.length === 0 ||
    (inner.allowedIps.length > 0 &&
      inner.allowedIps.every((block) => isInsideBlocks(block, outer.allowedIps)))
  return [
    ...(inner.end > outer.end ? ['a later end'] : []),
    ...(inner.requestsPerMinute > outer.requestsPerMinute ? ['a higher limit'] : []),
    ...(isInside ? [] : ['more addresses']),
  ]
}

/** All that either could do. */
export const either = (a: Powers, b: Powers): Powers => ({
  names: a.names.union(b.names),
  end: Math.max(a.end, b.end),
  requestsPerMinute: Math.max(a.requestsPerMinute, b.requestsPerMinute),
  allowedIps:
    a.allowedIps.length === 0 || b.allowedIps.length === 0
      ? []
      : [...new Set([...a.allowedIps, ...b.allowedIps])],
})
