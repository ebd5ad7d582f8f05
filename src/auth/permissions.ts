/** How the permissions of one action are held, and what else must be held with it. */
interface Definition {
  readonly description: string
  /** Held per space, or for the workspace as a whole. */
  readonly perSpace: boolean
  readonly requires: readonly string[]
}

const definition = (
  description: string,
  requires: readonly string[] = [],
  perSpace = false,
): Definition => ({ description, perSpace, requires })

const inSpace = (description: string, requires: readonly string[] = []): Definition =>
  definition(description, requires, true)

/** Every permission that a scope or key can hold, by name. The one list of them. */
export const catalogue = {
  'workspace:read': definition('See the workspace and its settings.'),
  'workspace:update': definition('Change the workspace and its policies.', ['workspace:read']),
  'members:read': definition('See the members, human and machine.'),
  'members:create': definition('Add members and machine users.', ['members:read']),
  'members:update': definition("Change members' roles and names.", ['members:read']),
  'members:delete': definition('Remove members.', ['members:read']),
  'members:own': definition('Make and unmake owners, and change what is theirs.', ['members:read']),
  'spaces:read': inSpace('See the space.'),
  'spaces:create': definition('Create spaces; needs all spaces.', ['spaces:read']),
  'spaces:update': inSpace('Change the space and who belongs to it.', ['spaces:read']),
  'spaces:delete': inSpace('Delete the space.', ['spaces:read']),
  'agents:read': inSpace('List agents and see their details.'),
  'agents:create': inSpace('Create agents.', ['agents:read']),
  'agents:update': inSpace('Change agents.', ['agents:read']),
  'agents:delete': inSpace('Delete agents.', ['agents:read']),
  'agents:run': inSpace('Run agents.', ['agents:read']),
  'sessions:read': inSpace('See sessions and their runs.', ['agents:read']),
  'sessions:create': inSpace('Begin sessions.', ['sessions:read', 'agents:read']),
  'sessions:terminate': inSpace('Terminate sessions.', ['sessions:read', 'agents:read']),
  'documents:read': inSpace('See and download documents.', ['sessions:read']),
  'documents:upload': inSpace('Upload documents.', ['documents:read', 'sessions:read']),
  'documents:delete': inSpace('Delete documents.', ['documents:read', 'sessions:read']),
  'scopes:read': definition('See scopes.'),
  'scopes:create': definition('Create scopes.', ['scopes:read']),
  'scopes:update': definition('Change scopes, and so every key linked to them.', ['scopes:read']),
  'scopes:delete': definition('Delete scopes.', ['scopes:read']),
  'keys:read': definition('See API keys; never their secrets.'),
  'keys:create': definition('Create API keys, and import legacy ones.', ['keys:read']),
  'keys:update': definition('Change, rotate, migrate, transfer, disable and enable API keys.', [
    'keys:read',
  ]),
  'keys:delete': definition('Revoke API keys.', ['keys:read']),
  'keys:verify': definition('Verify the keys and tokens of others.', ['keys:read']),
  'keys:rotate': definition('As a key, rotate itself and no other.'),
  'tokens:read': definition('See access tokens; never the tokens themselves.'),
  'tokens:delete': definition('Revoke access tokens.', ['tokens:read']),
  'audit:read': definition('Read the audit log; needs all spaces.'),
} as const satisfies Record<string, Definition>

/** The name of one permission, `resource:action`. */
export type PermissionName = keyof typeof catalogue
/** A set of permissions, aliases expanded. */
export type PermissionSet = ReadonlySet<PermissionName>

export const permissionNames = Object.keys(catalogue) as readonly PermissionName[]

const resources = [...new Set(permissionNames.map((name) => name.split(':')[0] ?? ''))]
const readEverywhere = ['workspace', 'spaces', 'agents', 'sessions', 'documents']

/**
 * Names that stand for several permissions. They are stored as written and expanded when checked,
 * so that they cover what is added later. Only `*` includes `members:own`.
 */
export const aliases: ReadonlyMap<string, readonly PermissionName[]> = new Map([
  ['*', permissionNames],
  ['*:read', permissionNames.filter((name) => readEverywhere.some((r) => name === `${r}:read`))],
  ...resources.map((resource): [string, readonly PermissionName[]] => [
    `${resource}:*`,
    permissionNames.filter((name) => name.startsWith(`${resource}:`) && name !== 'members:own'),
  ]),
])

/** Whether `name` is a permission of the catalogue. */
export const isPermission = (name: string): name is PermissionName => Object.hasOwn(catalogue, name)

/** What one name, permission or alias, covers now; empty for a name of neither kind. */
export const covers = (name: string): readonly PermissionName[] =>
  isPermission(name) ? [name] : (aliases.get(name) ?? [])

/** The permissions that a list of names covers now; a name of neither kind covers none. */
export const expand = (names: Iterable<string>): PermissionSet =>
  new Set([...names].flatMap((name) => covers(name)))

/** Whether it is held per space, or for the workspace as a whole. */
export const isPerSpace = (name: PermissionName): boolean => catalogue[name].perSpace

/** The permissions with all that they require, and what those require. */
export function withRequirements(names: Iterable<PermissionName>): PermissionSet {
  const all = new Set(names)
  // What is added while a set is read is read as well.
  for (const name of all)
    for (const required of catalogue[name].requires) all.add(required as PermissionName)
  return all
}

/** What `held` lacks of its own requirements, without repetition, in the catalogue's order. */
export function missingRequirements(held: PermissionSet): PermissionName[] {
  const required = new Set([...held].flatMap((name): readonly string[] => catalogue[name].requires))
  return permissionNames.filter((name) => required.has(name) && !held.has(name))
}

/** Every name, permission or alias, that covers all that `name` covers. */
export function namesCovering(name: string): string[] {
  const wanted = covers(name)
  return [...permissionNames, ...aliases.keys()].filter((candidate) => {
    const covered = new Set(covers(candidate))
    return wanted.length > 0 && wanted.every((permission) => covered.has(permission))
  })
}
