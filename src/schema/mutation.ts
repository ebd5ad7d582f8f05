import type { FieldMap, InputObjectRef, ObjectFieldBuilder, ObjectRef } from '@pothos/core'
import { withoutSecrets } from '../auth/credentials/without-secrets.ts'
import { type UserError, type UserErrorCode, UserInputError } from '../errors.ts'
import { maxProblems } from '../input/problems.ts'
import { builder, type Types } from './builder.ts'
import type { Context } from './context.ts'
import type { Guard } from './guard.ts'

const codes: Readonly<Record<UserErrorCode, string>> = {
  INVALID: 'The value is not acceptable.',
  NOT_FOUND: 'There is nothing of that id within reach.',
  NAME_TAKEN: 'Another one has this name.',
  UNKNOWN_PERMISSION: 'No permission or alias has this name.',
  PERMISSION_DEPENDENCY_MISSING: 'A permission is held without one that it requires.',
  PERMISSION_NOT_GRANTABLE: 'More than the caller may give.',
  SPACE_NOT_GRANTABLE: 'More in this space than the caller may give.',
  EXPIRY_NOT_ALLOWED: 'Lives longer than the caller or the policy allows.',
  LIMIT_REACHED: "The plan's limit, or another one, is reached.",
  WRONG_STATE: 'Not possible in the present state.',
  IN_USE: 'Something else depends on it.',
  CONFLICT: 'It was changed by somebody else meanwhile.',
}

const UserErrorCodeType = builder.enumType('UserErrorCode', {
  description: 'Expect new values.',
  values: Object.fromEntries(
    Object.entries(codes).map(([code, description]) => [code, { description }]),
  ) as Record<UserErrorCode, { description: string }>,
})

/** Of the deepest input: `["input", "spaces", "1", "permissions", "2"]`. */
const maxPathLength = 5

const UserErrorType = builder.objectRef<UserError>('UserError').implement({
  description: 'An expected failure of a mutation. Nothing was changed when there is at least one.',
  leafFields: 'public',
  fields: (t) => ({
    code: t.expose('code', { type: UserErrorCodeType, description: 'The kind of the failure.' }),
    message: t.string({
      description: 'The failure in words, for a human.',
      resolve: ({ message }) => withoutSecrets(message),
    }),
    path: t.stringList({
      nullable: true,
      listSize: maxPathLength,
      description: 'The input field at fault, e.g. ["input", "spaces", "1", "spaceId"].',
      resolve: ({ path }) => (path === null ? null : [...path]),
    }),
  }),
})

/** What a mutation's payload is made of: the result, or errors and nothing else. */
export type Payload<Result> = Partial<Result> & { readonly errors: readonly UserError[] }

interface MutationOptions<Input extends object, Result extends object> {
  readonly description: string
  readonly guard: Guard<{ input: Input }>
  readonly input: InputObjectRef<Types, Input>
  readonly payloadDescription?: string
  readonly payload: (t: ObjectFieldBuilder<Types, Payload<Result>>) => FieldMap
  /** Whether it costs the caller nothing, for another pays. */
  readonly isFree?: true
  /** What it costs, where that depends on its input; 1 at least. */
  readonly cost?: (input: Input) => number
  readonly run: (context: Context, input: Input) => Promise<Result>
}

/** A payload's own entity: null with errors; it asks for nothing beyond its mutation. */
export const entityField = <Entity extends object>(
  t: ObjectFieldBuilder<Types, { readonly errors: readonly UserError[] }>,
  name: string,
  type: ObjectRef<Types, Entity>,
  description: string,
) =>
  t.field({
    type: type as ObjectRef<Types, object>,
    nullable: true,
    guard: 'public',
    description,
    resolve: (payload) => (payload as Readonly<Record<string, object | undefined>>)[name] ?? null,
  })

/** Expected failures, of a mutation or of one part of it. */
export const errorsField = (
  t: ObjectFieldBuilder<Types, { readonly errors: readonly UserError[] }>,
  description: string,
  most = maxProblems,
) =>
  t.field({
    type: [UserErrorType],
    guard: 'public',
    listSize: most,
    description,
    resolve: ({ errors }) => [...errors],
  })

/** The id of what a mutation deleted; null with errors. */
export const deletedId = (
  t: ObjectFieldBuilder<
    Types,
    { readonly deletedId?: string; readonly errors: readonly UserError[] }
  >,
) =>
  t.id({
    nullable: true,
    guard: 'public',
    description: 'The id of what was deleted.',
    resolve: (payload) => payload.deletedId ?? null,
  })

/**
 * A mutation by the API's conventions: verb first, one `input`, a payload of its own whose `errors`
 * hold expected failures.
 */
export function mutation<Input extends object, Result extends object>(
  name: string,
  options: MutationOptions<Input, Result>,
): void {
  const typeName = `${name.charAt(0).toUpperCase()}${name.slice(1)}Payload`
  const payload = builder.objectRef<Payload<object>>(typeName).implement({
    description: options.payloadDescription ?? `The payload of \`${name}\`.`,
    leafFields: 'public',
    fields: (t) => ({
      ...options.payload(t as ObjectFieldBuilder<Types, Payload<Result>>),
      errors: errorsField(t, 'Expected failures; empty when it was done.'),
    }),
  })
  builder.mutationField(name, (t) =>
    t.field({
      type: payload,
      nullable: true,
      description: options.description,
      extensions: { isFree: options.isFree ?? false, cost: options.cost },
      guard: options.guard as Guard<{ input: object }>,
      args: {
        input: t.arg({
          type: options.input as InputObjectRef<Types, object>,
          required: true,
          description: 'The input of the mutation.',
        }),
      },
      resolve: (_root, { input }, context) =>
        outcome(context, () => options.run(context, input as Input)),
    }),
  )
}

async function outcome(context: Context, run: () => Promise<object>): Promise<Payload<object>> {
  try {
    return { ...(await run()), errors: [] }
  } catch (error) {
    if (error instanceof UserInputError) return { errors: error.errors }
    throw error
  } finally {
    context.clearLoaders()
  }
}
