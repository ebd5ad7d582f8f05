import { covers, expand, type PermissionName } from './permissions.ts'

export const accessLevels = ['NONE', 'VIEW', 'EDIT', 'FULL', 'CUSTOM'] as const

/** The agent permissions of a scope, read as one word. */
export type AccessLevel = (typeof accessLevels)[number]

const levels: Readonly<Record<Exclude<AccessLevel, 'CUSTOM'>, readonly PermissionName[]>> = {
  NONE: [],
  VIEW: ['agents:read'],
  EDIT: ['agents:read', 'agents:update'],
  FULL: ['agents:read', 'agents:update', 'agents:create', 'agents:delete'],
}

const inLevels: ReadonlySet<string> = new Set(levels.FULL)

/** The level that a list of permissions amounts to; the runtime permissions stand apart from it. */
export function accessLevelOf(names: Iterable<string>): AccessLevel {
  const held = [...expand(names)].filter((name) => inLevels.has(name))
  for (const [level, permissions] of Object.entries(levels))
    if (held.length === permissions.length && permissions.every((name) => held.includes(name)))
      return level as AccessLevel
  return 'CUSTOM'
}

/** Whether a name is an alias that covers a permission of the levels, so that no level fits beside it. */
export const clashesWithLevel = (name: string): boolean =>
  !inLevels.has(name) && covers(name).some((permission) => inLevels.has(permission))

/** `names` with the agent permissions of `level` in place of those that they hold. */
export const withLevel = (
  names: readonly string[],
  level: Exclude<AccessLevel, 'CUSTOM'>,
): string[] => [...names.filter((name) => !inLevels.has(name)), ...levels[level]]

/** `names` joined with the agent permissions of `level`. */
export const joinLevel = (
  names: readonly string[],
  level: Exclude<AccessLevel, 'CUSTOM'>,
): string[] => [...new Set([...names, ...levels[level]])]
