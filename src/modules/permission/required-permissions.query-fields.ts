import { GraphQLError, type GraphQLSchema } from 'graphql'
import { permissionNames } from '../../auth/permissions.ts'
import { RequestError, type UserError, UserInputError, userError } from '../../errors.ts'
import { builder } from '../../schema/builder.ts'
import { errorsField } from '../../schema/mutation.ts'
import { type OperationText, readOperation } from '../../schema/operation-text.ts'
import {
  type FieldRequirement,
  maxRequirements,
  type OperationRequirements,
  requirementsOf,
} from '../../schema/requirements.ts'

type RequiredPermissions = OperationRequirements & { readonly errors: readonly UserError[] }

const FieldRequirementType = builder.objectRef<FieldRequirement>('FieldRequirement').implement({
  description: 'What one field of an operation asks for.',
  leafFields: 'public',
  fields: (t) => ({
    path: t.exposeString('path', {
      description: 'The names in the answer that lead to the field, e.g. agents.nodes.spaces.',
    }),
    permissions: t.stringList({
      listSize: permissionNames.length,
      description:
        'The permissions that it asks for, with these arguments; none for a field that no key may use.',
      resolve: ({ permissions }) => [...permissions],
    }),
  }),
})

const RequiredPermissionsType = builder
  .objectRef<RequiredPermissions>('RequiredPermissions')
  .implement({
    description: 'What an operation asks for.',
    leafFields: 'public',
    fields: (t) => ({
      permissions: t.stringList({
        listSize: permissionNames.length,
        description:
          'All that a key must hold for the operation to return no denied field, what these permissions require included. Where they are held per space, it is in every space that is asked about.',
        resolve: ({ permissions }) => [...permissions],
      }),
      fields: t.field({
        type: [FieldRequirementType],
        guard: 'public',
        listSize: maxRequirements,
        description: 'The fields that ask for them, by path in the operation.',
        resolve: ({ fields }) => [...fields],
      }),
      onlyHumans: t.exposeBoolean('onlyHumans', {
        description: 'Whether it holds a field that no key may use.',
      }),
      errors: errorsField(t, 'Why the operation could not be run; empty for a valid one.'),
    }),
  })

const none: OperationRequirements = { permissions: [], fields: [], onlyHumans: false }

function requiredPermissions(schema: GraphQLSchema, text: OperationText): RequiredPermissions {
  try {
    const { document, operation, variables } = readOperation(schema, text)
    return { ...requirementsOf(schema, document, operation, variables), errors: [] }
  } catch (error) {
    if (error instanceof UserInputError) return { ...none, errors: error.errors }
    // Only of its values: null for a variable whose default made the document valid.
    const isOfValues = error instanceof GraphQLError
    if (!isOfValues && !(error instanceof RequestError)) throw error
    const path = [isOfValues ? 'variables' : 'operation']
    return { ...none, errors: userError('INVALID', path, error.message).errors }
  }
}

/** As many steps as one turn of the event loop has: to read a text takes some milliseconds. */
const wholeTurn = 5_000

builder.queryField('requiredPermissions', (t) =>
  t.field({
    type: RequiredPermissionsType,
    guard: 'public',
    description:
      'The permissions that an operation needs, worked out from its text without running it: the least that a key for it must hold. Needs no permission.',
    args: {
      operation: t.arg.string({ required: true, description: 'The text of the document.' }),
      operationName: t.arg.string({
        description: 'Which operation, where the document has several.',
      }),
      variables: t.arg.string({
        description: 'As JSON text; without them the most that could be needed.',
      }),
    },
    resolve: async (_root, text, { budget }, { schema }) => {
      await budget.turn(wholeTurn)
      return requiredPermissions(schema, text)
    },
  }),
)
