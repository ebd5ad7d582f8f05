import SchemaBuilder from '@pothos/core'
import PrismaPlugin from '@pothos/plugin-prisma'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import type PrismaTypes from '../generated/pothos.ts'
import { getDatamodel } from '../generated/pothos.ts'
import type { Context } from './context.ts'
import { hasRights, isSignedIn, type RightsQuestion, unauthorized } from './guard.ts'
import './budget-plugin.ts'
import './columns-plugin.ts'
import './usage-plugin.ts'
import type { UploadedFile } from '../input/uploaded-file.ts'

/** The one schema builder: its types, plugins and defaults. It defines no types of the schema. */
export const builder = new SchemaBuilder<{
  Context: Context
  AuthScopes: { rights: RightsQuestion; signedIn: boolean }
  DefaultAuthStrategy: 'all'
  DefaultFieldNullability: false
  PrismaTypes: PrismaTypes
  Scalars: {
    ID: { Input: string; Output: string }
    /** Text until a service has read it: what is wrong with it is answered with its path. */
    DateTime: { Input: string; Output: Date }
    File: { Input: UploadedFile; Output: never }
  }
}>({
  plugins: ['budget', ScopeAuthPlugin, 'guard', 'usage', 'columns', PrismaPlugin],
  defaultFieldNullability: false,
  prisma: { client: ({ deps }) => deps.prisma, dmmf: getDatamodel() },
  scopeAuth: {
    authScopes: (context) => ({
      rights: (question) => hasRights(context, question),
      signedIn: () => isSignedIn(context),
    }),
    defaultStrategy: 'all',
    unauthorizedError: unauthorized,
  },
})

builder.queryType({ description: 'The query root.' })
builder.mutationType({
  description:
    'What can be changed. Each change is made whole or not at all; expected failures are in the payload.',
})

/** The builder's type parameters, for helpers that are generic over its fields. */
export type Types = typeof builder extends PothosSchemaTypes.SchemaBuilder<infer T> ? T : never
