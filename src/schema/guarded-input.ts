import {
  type GraphQLArgument,
  type GraphQLInputType,
  getNullableType,
  isInputObjectType,
  isListType,
} from 'graphql'
import type { Principal } from '../auth/caller.ts'
import type { PermissionName } from '../auth/permissions.ts'

/** What a field of an input object asks of who gives it, such as a filter of who may read what it compares. */
export interface InputGuard {
  readonly permission: PermissionName
  /** Values that need nothing, such as the caller's own; `note` describes them. */
  readonly unless?: {
    readonly note: string
    readonly when: (value: unknown, principal: Principal) => boolean
  }
}

/** What a built input field asks for; undefined for one that everybody may give. */
export const inputGuardOf = (field: {
  readonly extensions: Readonly<Record<string, unknown>>
}): InputGuard | undefined => field.extensions.inputGuard as InputGuard | undefined

function askedFor(type: GraphQLInputType, value: unknown, principal: Principal): PermissionName[] {
  if (value === null || value === undefined) return []
  const given = getNullableType(type)
  if (isListType(given))
    return (value as readonly unknown[]).flatMap((it) => askedFor(given.ofType, it, principal))
  if (!isInputObjectType(given)) return []
  const values = value as Readonly<Record<string, unknown>>
  return Object.values(given.getFields()).flatMap((field) => {
    const its = values[field.name]
    const guard = inputGuardOf(field)
    const asks =
      guard !== undefined &&
      its !== null &&
      its !== undefined &&
      !guard.unless?.when(its, principal)
    return [...(asks ? [guard.permission] : []), ...askedFor(field.type, its, principal)]
  })
}

/** The permissions that what is given in a field's arguments asks for, without repetition. */
export const askedForArguments = (
  args: readonly GraphQLArgument[],
  values: Readonly<Record<string, unknown>>,
  principal: Principal,
): PermissionName[] => [
  ...new Set(args.flatMap(({ name, type }) => askedFor(type, values[name], principal))),
]
