import type { World } from './world.ts'

/** What a credential can do, as it says of itself. */
export interface View {
  readonly permissions: readonly string[]
  readonly allSpaces: boolean
  /** By space id. */
  readonly spaces: Readonly<Record<string, readonly string[]>>
}

/** The viewer of a key, or the reason of its refusal. */
export async function view(world: World, secret: string): Promise<View | string> {
  const { data, errors } = await world.gql(
    secret,
    '{ viewer { permissions allSpaces spaces { spaceId permissions } } }',
  )
  if (errors.length > 0) return String(errors[0]?.extensions.reason)
  const { permissions, allSpaces, spaces } = data.viewer
  return {
    permissions,
    allSpaces,
    spaces: Object.fromEntries(
      spaces.map((space: { spaceId: string; permissions: string[] }) => [
        space.spaceId,
        space.permissions,
      ]),
    ),
  }
}
