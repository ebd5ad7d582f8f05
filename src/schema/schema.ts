import { printSchemaWithDirectives } from '@graphql-tools/utils'
import {
  DirectiveLocation,
  GraphQLDirective,
  GraphQLList,
  GraphQLNonNull,
  GraphQLString,
  lexicographicSortSchema,
  specifiedDirectives,
} from 'graphql'
import { builder } from './builder.ts'
import { refuseLongEnumValues } from './enum-values.ts'
import './scalars.ts'
import '../modules/access-token/access-token.mutations.ts'
import '../modules/access-token/access-token.query-fields.ts'
import '../modules/agent/agent.mutations.ts'
import '../modules/api-key/api-key.mutations.ts'
import '../modules/api-key/api-key.query-fields.ts'
import '../modules/audit/audit.schema.ts'
import '../modules/legacy-import/legacy-import.mutations.ts'
import '../modules/credential/explain.query-fields.ts'
import '../modules/credential/verify.mutations.ts'
import '../modules/document/document.mutations.ts'
import '../modules/member/member.mutations.ts'
import '../modules/member/member.schema.ts'
import '../modules/node/node.schema.ts'
import '../modules/permission/permission.schema.ts'
import '../modules/permission/required-permissions.query-fields.ts'
import '../modules/rate-limit/rate-limit.schema.ts'
import '../modules/run/run.mutations.ts'
import '../modules/scope/scope.mutations.ts'
import '../modules/session/session.mutations.ts'
import '../modules/space/space.mutations.ts'
import '../modules/viewer/viewer.schema.ts'
import '../modules/webhook/webhook.mutations.ts'
import '../modules/workspace/workspace.mutations.ts'
import '../modules/workspace/workspace.schema.ts'

/** The directive by which GraphQL routers know what a field asks for: an OR of ANDs. */
const requiresScopes = new GraphQLDirective({
  name: 'requiresScopes',
  description: 'The permissions that a field asks for: all names of one of the lists.',
  locations: [DirectiveLocation.FIELD_DEFINITION],
  args: {
    scopes: {
      description: 'Lists of permissions, any one of which will do.',
      type: new GraphQLNonNull(
        new GraphQLList(new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(GraphQLString)))),
      ),
    },
  },
})

/** The whole API. A field without a decision on who may ask for it would have thrown here. */
export const schema = refuseLongEnumValues(
  builder.toSchema({
    // A list of directives replaces GraphQL's own: without them no client could @include or @skip.
    directives: [...specifiedDirectives, requiresScopes],
    sortSchema: true,
  }),
)

/** The API as text, sorted, with what each field asks for: what schema.graphql holds. */
export const printedSchema = (): string =>
  `${printSchemaWithDirectives(lexicographicSortSchema(schema))}\n`
