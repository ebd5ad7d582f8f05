import type { World } from '../../setup/world.ts'
import type { ApiAnswers } from './api-oracle.ts'
import type { Question } from './generated.ts'

interface Permission {
  readonly name: string
  readonly includes: readonly string[]
  readonly perSpace: boolean
}

/** What the API says of permissions and aliases. */
export interface Catalogue {
  readonly isPerSpace: (name: string) => boolean
  /** What a question asks for, aliases replaced by what they stand for. */
  readonly expanded: (question: Question) => string[]
}

export async function readCatalogue(world: World, secret: string): Promise<Catalogue> {
  const { data } = await world.gql(secret, '{ permissions { name includes perSpace } }')
  const byName = new Map<string, Permission>(
    data.permissions.map((each: Permission) => [each.name, each]),
  )
  return {
    isPerSpace: (name) => byName.get(name)?.perSpace ?? false,
    expanded: ({ permissions }) => [
      ...new Set(
        permissions.flatMap((name) => {
          const includes = byName.get(name)?.includes ?? []
          return includes.length > 0 ? includes : [name]
        }),
      ),
    ],
  }
}

const isReached = ({ view }: ApiAnswers, space: string, id: string): boolean =>
  view.allSpaces
    ? !['deleted', 'foreign', 'nonsense'].includes(space)
    : Object.hasOwn(view.spaces, id)

interface Place {
  /** Ids by name. */
  readonly spaces: Readonly<Record<string, string>>
  readonly catalogue: Catalogue
}

/** The one verdict, or the two, that agree with what the API says to the credential itself. */
export function verdictsOf(
  api: ApiAnswers,
  question: Question,
  { spaces, catalogue: { isPerSpace, expanded } }: Place,
) {
  const asked = expanded(question)
  const { view, passed } = api
  const ids = question.spaces.map((name) => spaces[name] ?? '')
  const isEverywhere = (name: string): boolean => view.permissions.includes(name)
  const isHeld = (name: string): boolean =>
    !isPerSpace(name) || ids.length === 0 || view.allSpaces
      ? isEverywhere(name)
      : ids.every((id) => view.spaces[id]?.includes(name))
  // Of a permission that no field asks for yet it does not tell whether it is held out of reach.
  const isHeldAtAll = (name: string): boolean | undefined =>
    passed.get(name) ??
    (isEverywhere(name) ||
      Object.values(view.spaces).some((held) => held.includes(name)) ||
      (isPerSpace(name) ? undefined : false))
  const inReach = question.spaces.every((name, index) => isReached(api, name, ids[index] ?? ''))
  const missing = asked.filter((name) => !isHeld(name) || (!inReach && isPerSpace(name)))
  const code =
    asked.some((name) => isHeldAtAll(name) === false) || (inReach && missing.length > 0)
      ? 'INSUFFICIENT_PERMISSIONS'
      : inReach
        ? 'VALID'
        : 'SPACE_NOT_ALLOWED'
  const isOpen =
    code === 'SPACE_NOT_ALLOWED' && asked.some((name) => isHeldAtAll(name) === undefined)
  return { codes: isOpen ? [code, 'INSUFFICIENT_PERMISSIONS'] : [code], missing }
}
