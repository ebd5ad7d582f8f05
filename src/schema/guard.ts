import SchemaBuilder, {
  BasePlugin,
  type PothosInputFieldConfig,
  type PothosOutputFieldConfig,
  type PothosOutputFieldType,
  PothosSchemaError,
  type SchemaTypes,
} from '@pothos/core'
import type { GraphQLFieldResolver, GraphQLResolveInfo } from 'graphql'
import type { Principal } from '../auth/caller.ts'
import type { PermissionName } from '../auth/permissions.ts'
import { holds } from '../auth/policy.ts'
import { forbidden } from '../errors.ts'
import type { Context } from './context.ts'
import { askedForArguments, type InputGuard } from './guarded-input.ts'

/** What a field asks of its caller when one permission does not say it all. */
export interface Requirement<Args, Parent = unknown> {
  readonly permissions: readonly PermissionName[]
  /** Also asks for all spaces. */
  readonly allSpaces?: true
  /** Calls that need nothing at all, such as a key revoking itself; `note` describes them. */
  readonly unless?: {
    readonly note: string
    readonly when: (args: Args, principal: Principal, parent: Parent) => boolean
  }
}

/** A field's decision: open to every caller, for people who sign in, or what it asks for. */
export type Guard<Args, Parent = unknown> =
  | 'public'
  | 'signed-in'
  | PermissionName
  | Requirement<Args, Parent>

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      guard: GuardPlugin<Types>
    }
    export interface FieldOptions<
      Types extends SchemaTypes = SchemaTypes,
      ParentShape = unknown,
      Type extends
        import('@pothos/core').TypeParam<Types> = import('@pothos/core').TypeParam<Types>,
      Nullable extends
        import('@pothos/core').FieldNullability<Type> = import('@pothos/core').FieldNullability<Type>,
      Args extends import('@pothos/core').InputFieldMap = import('@pothos/core').InputFieldMap,
      ResolveShape = unknown,
      ResolveReturnShape = unknown,
    > {
      guard?: Guard<import('@pothos/core').InputShapeFromFields<Args>, ParentShape>
    }
    export interface InputObjectFieldOptions<
      Types extends SchemaTypes = SchemaTypes,
      Type extends
        | import('@pothos/core').InputType<Types>
        | [import('@pothos/core').InputType<Types>] =
        | import('@pothos/core').InputType<Types>
        | [import('@pothos/core').InputType<Types>],
      Req extends
        import('@pothos/core').FieldRequiredness<Type> = import('@pothos/core').FieldRequiredness<Type>,
    > {
      /** Absent: everybody may give it who may ask for the field that takes it. */
      guard?: InputGuard
    }
    export interface ObjectTypeOptions<Types extends SchemaTypes = SchemaTypes, Shape = unknown> {
      /** The type's own scalars and enums ask for nothing beyond what led to the object. */
      leafFields?: 'public'
    }
  }
}

const normalized = (
  guard: Exclude<Guard<never, never>, 'public' | 'signed-in'>,
): Requirement<never, never> => (typeof guard === 'string' ? { permissions: [guard] } : guard)

interface Described {
  readonly permissions: readonly PermissionName[]
  readonly allSpaces?: boolean
  readonly unless?: { readonly note: string } | undefined
}

function describe({ permissions, allSpaces, unless }: Described): string {
  const names = permissions.map((name) => `\`${name}\``).join(' and ')
  return `${unless ? `${unless.note} ` : ''}Needs ${names}${allSpaces ? ' and all spaces' : ''}.`
}

/** Whether the field leads to a scalar or enum, or a list of them. */
export function isLeaf<Types extends SchemaTypes>(type: PothosOutputFieldType<Types>): boolean {
  return type.kind === 'List' ? isLeaf(type.type) : type.kind === 'Scalar' || type.kind === 'Enum'
}

/** @throws RequestError FORBIDDEN for what is given and the caller may not give */
function assertMayGive(
  args: Readonly<Record<string, unknown>>,
  context: Context,
  { parentType, fieldName }: GraphQLResolveInfo,
): void {
  const declared = parentType.getFields()[fieldName]?.args ?? []
  const asked = askedForArguments(declared, args, context.principal)
  // Who is in no workspace may give what is asked of nobody.
  if (asked.length === 0) return
  const missing = asked.filter((name) => !holds(context.caller.rights, name))
  if (missing.length > 0) throw forbidden(asked, missing)
  context.deps.usage.usedRights(context.caller, asked)
}

/**
 * Turns each field's one declaration into its enforcement by scope-auth, its `@requiresScopes`
 * directive and the end of its description. A field without a decision does not build. A guarded
 * field of an input object is enforced wherever it is given, once the field that takes it was let
 * through: so this plugin stands behind scope-auth.
 */
export class GuardPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onOutputFieldConfig(
    field: PothosOutputFieldConfig<Types>,
  ): PothosOutputFieldConfig<Types> {
    const options = field.pothosOptions as { guard?: Guard<never, never> }
    const guard = options.guard ?? this.#leafGuard(field)
    if (guard === undefined)
      throw new PothosSchemaError(`${field.parentType}.${field.name} declares no guard.`)
    if (guard === 'public') return field
    if (guard === 'signed-in') return signedInOnly(field)
    const requirement = normalized(guard)
    // An empty list would be fulfilled by everybody: whoever means that says it.
    if (requirement.permissions.length === 0)
      throw new PothosSchemaError(`${field.parentType}.${field.name} names no permission.`)
    return {
      ...field,
      description: [field.description, describe(requirement)].filter(Boolean).join(' '),
      pothosOptions: { ...field.pothosOptions, authScopes: authScopes(requirement) },
      extensions: {
        ...field.extensions,
        requirement,
        directives: { requiresScopes: { scopes: [requirement.permissions] } },
      },
    } as PothosOutputFieldConfig<Types>
  }

  override onInputFieldConfig(field: PothosInputFieldConfig<Types>): PothosInputFieldConfig<Types> {
    const { guard } = field.pothosOptions as { guard?: InputGuard }
    if (guard === undefined) return field
    const { permission, unless } = guard
    return {
      ...field,
      description: `${field.description} ${describe({ permissions: [permission], unless })}`,
      extensions: { ...field.extensions, inputGuard: guard },
    }
  }

  override wrapResolve(
    resolve: GraphQLFieldResolver<unknown, Types['Context'], object>,
    { args }: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    const takesInput = Object.values(args).some(({ type }) => type.kind !== 'Scalar')
    if (!takesInput) return resolve
    return (parent, given, context, info) => {
      assertMayGive(given as Readonly<Record<string, unknown>>, context as Context, info)
      return resolve(parent, given, context, info)
    }
  }

  #leafGuard(field: PothosOutputFieldConfig<Types>): 'public' | undefined {
    if ((field.kind !== 'Object' && field.kind !== 'PrismaObject') || !isLeaf(field.type))
      return undefined
    const parent = this.buildCache.getTypeConfig(field.parentType, 'Object')
    return (parent.pothosOptions as { leafFields?: 'public' }).leafFields
  }
}

/** The scope map of a field: always a full one, never built from what may be undefined. */
const authScopes =
  ({ permissions, allSpaces, unless }: Requirement<never, never>) =>
  (parent: never, args: never, { principal }: Context) => ({
    rights: {
      permissions,
      allSpaces: allSpaces ?? false,
      exempt: unless?.when(args, principal, parent) ?? false,
    },
  })

const signedInOnly = <Types extends SchemaTypes>(
  field: PothosOutputFieldConfig<Types>,
): PothosOutputFieldConfig<Types> =>
  ({
    ...field,
    description: [field.description, 'For people who sign in only.'].filter(Boolean).join(' '),
    pothosOptions: { ...field.pothosOptions, authScopes: { signedIn: true } },
    extensions: { ...field.extensions, signedInOnly: true },
  }) as PothosOutputFieldConfig<Types>

/** The scope of what is for people only, in a workspace or in none. */
export const isSignedIn = ({ principal }: Context): boolean => principal.kind === 'HUMAN'

/** What the one scope of scope-auth is asked: see `hasRights`. */
export interface RightsQuestion {
  readonly permissions: readonly PermissionName[]
  readonly allSpaces: boolean
  readonly exempt: boolean
}

/** The scope's answer: held before any space is looked at; rows decide the rest. A yes is a use. */
export const hasRights = (context: Context, question: RightsQuestion): boolean => {
  if (question.exempt) return true
  const { caller, deps } = context
  const isHeld =
    question.permissions.every((name) => holds(caller.rights, name)) &&
    (!question.allSpaces || caller.rights.allSpaces)
  if (isHeld) deps.usage.usedRights(caller, question.permissions)
  return isHeld
}

/** A field of the built schema. */
interface Built {
  readonly extensions: Readonly<Record<string, unknown>>
}

/** What a built field declares; undefined for one that is open to every caller. */
export const requirementOf = (field: Built): Requirement<never, never> | undefined =>
  field.extensions.requirement as Requirement<never, never> | undefined

/** Whether a built field is for people who sign in. */
export const isForPeople = (field: Built): boolean => field.extensions.signedInOnly === true

/** The error for a key or token that asks for what is for people alone. */
export const notSignedIn = (): Error =>
  forbidden([], [], 'Only a person who has signed in can do this.')

/**
 * The error for a caller who lacks what the field needs; undefined for one who has it. Calls that the
 * field would exempt are none of this.
 *
 * @throws RequestError BAD_USER_INPUT for a caller in no workspace
 */
export function refusalOf(field: Built, context: Context): Error | undefined {
  const { permissions = [], allSpaces = false } = requirementOf(field) ?? {}
  const isLetThrough =
    hasRights(context, { permissions, allSpaces, exempt: false }) &&
    (!isForPeople(field) || isSignedIn(context))
  return isLetThrough ? undefined : errorOf(field, context)
}

/** The error of a refused field: what it asks for, and what of it is missing. */
export function unauthorized(_parent: object, context: Context, info: GraphQLResolveInfo): Error {
  return errorOf(info.parentType.getFields()[info.fieldName], context)
}

function errorOf(field: Built | undefined, context: Context): Error {
  if (field !== undefined && isForPeople(field)) return notSignedIn()
  const permissions = (field && requirementOf(field)?.permissions) ?? []
  const missing = permissions.filter((name) => !holds(context.caller.rights, name))
  return missing.length === 0
    ? forbidden(permissions, [], 'This needs all spaces.')
    : forbidden(permissions, missing)
}

SchemaBuilder.registerPlugin('guard', GuardPlugin)
