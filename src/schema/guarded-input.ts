import {
  type GraphQLArgument,
  type GraphQLInputType,
  getNamedType,
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

/** Stands for a value that is not known: it may be any. */
export const anyValue = Symbol('any value')

/** @param above the types around a value that is not known: inside it they ask for the same again */
function askedFor(
  type: GraphQLInputType,
  value: unknown,
  principal: Principal,
  above: readonly GraphQLInputType[] = [],
): PermissionName[] {
  // A list of plain values, which may be long, asks for nothing.
  if (value === null || value === undefined || !isInputObjectType(getNamedType(type))) return []
  const given = getNullableType(type)
  if (isListType(given))
    return [value].flat().flatMap((it) => askedFor(given.ofType, it, principal, above))
  if (!isInputObjectType(given) || above.includes(given)) return []
  const isKnown = value !== anyValue
  const values = value as Readonly<Record<string, unknown>>
  return Object.values(given.getFields()).flatMap((field) => {
    const its = isKnown ? values[field.name] : anyValue
    const guard = inputGuardOf(field)
    const asks =
      guard !== undefined &&
      its !== null &&
      its !== undefined &&
      (its === anyValue || !guard.unless?.when(its, principal))
    return [
      ...(asks ? [guard.permission] : []),
      ...askedFor(field.type, its, principal, isKnown ? above : [...above, given]),
    ]
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
