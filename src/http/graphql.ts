import {
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLField,
  getOperationAST,
  OperationTypeNode,
} from 'graphql'
import { requirementOf } from '../auth/guard.ts'
import { holds } from '../auth/policy.ts'
import type { Context } from '../context.ts'
import type { Deps } from '../deps.ts'
import { RequestError, unauthenticated } from '../errors.ts'
import { variableErrors } from '../graphql/variable-errors.ts'
import { operationCost } from '../limits/operation-cost.ts'
import { schema } from '../schema.ts'
import type { MediaType } from './accepted-media-type.ts'
import { NoGraphQLRequest } from './errors.ts'
import { isTooLarge, maxGraphqlDocumentBytes } from './graphql-document-limits.ts'
import { createGraphqlDocuments } from './graphql-documents.ts'
import { assertParams, readParams, type SentParams } from './graphql-params.ts'
import { resultResponse } from './graphql-result.ts'
import { onlyIntrospects } from './introspection.ts'
import { discardRest, isMultipart } from './multipart.ts'
import { onlyRotates } from './only-rotates.ts'

/** Answers operations, each in a context of its own. Whatever goes wrong is in the answer. */
export type GraphQLEngine = (
  request: Request,
  context: Context,
  type: MediaType,
) => Promise<Response>

/**
 * Without a credential nothing but introspection passes, and where it is not public nothing gets
 * here. A token that has been replaced may ask for its rotation, and for nothing else.
 *
 * @throws RequestError UNAUTHENTICATED, RATE_LIMITED for one introspection too many
 */
async function admit(context: Context, params: SentParams): Promise<void> {
  if (context.isAnonymous) {
    if (!onlyIntrospects(params)) throw unauthenticated('MISSING')
    await context.deps.limits.attempts.introspected(context.address)
    return
  }
  const { principal } = context
  if (principal.kind === 'ACCESS_TOKEN' && principal.isRotated && !onlyRotates(params))
    throw unauthenticated('ROTATED')
}

/** What another pays for is free for those who may ask for it: a refusal is nobody else's to pay. */
function isFree(context: Context, field: GraphQLField<unknown, unknown>): boolean {
  if (field.extensions.isFree !== true || context.isAnonymous) return false
  const { principal } = context
  const asked = requirementOf(field)?.permissions ?? []
  return principal.workspaceId !== null && asked.every((name) => holds(principal.rights, name))
}

/** The answer to an operation that was refused while it was executed. */
const refused = (originalError: RequestError): ExecutionResult => ({
  data: null,
  errors: [new GraphQLError(originalError.message, { originalError })],
})

/** How many a list may have that is as long as a setting says. */
function listSize({ deps }: Context, { extensions }: GraphQLField<unknown, unknown>) {
  return typeof extensions.listSize === 'function' ? Number(extensions.listSize(deps)) : undefined
}

/**
 * The GraphQL engine behind our own HTTP: graphql-js, with everything that a request must pass
 * before it is executed. Nothing that depends on the caller or the variables is remembered.
 */
export function createGraphQL({ logger }: Pick<Deps, 'logger'>): GraphQLEngine {
  const documents = createGraphqlDocuments(schema)

  async function run(request: Request, context: Context): Promise<ExecutionResult> {
    // Any page can send a form, but not with a credential in a header.
    if (context.isAnonymous && isMultipart(request.headers.get('content-type')))
      throw unauthenticated('MISSING')
    const params = await readParams(request)
    if (isTooLarge(params.query))
      throw new RequestError(
        'QUERY_TOO_COMPLEX',
        `A GraphQL document has at most ${maxGraphqlDocumentBytes} bytes.`,
      )
    await admit(context, params)
    assertParams(params)
    const document = documents.parse(params.query)
    const definition = getOperationAST(document, params.operationName)
    if (!definition)
      throw new NoGraphQLRequest('The document has no such operation, or several without a name.')
    const { operation } = definition
    if (operation === OperationTypeNode.MUTATION && request.method === 'GET')
      throw new NoGraphQLRequest('Send a mutation by POST.', 405, { allow: 'POST' })
    const problems = documents.problemsOf(document)
    if (problems.length > 0) return { errors: problems }
    if (operation === OperationTypeNode.SUBSCRIPTION)
      throw new NoGraphQLRequest('There are no subscriptions.')
    const { operationName, variables: variableValues } = params
    const args = { schema, document, operationName, variableValues, contextValue: context }
    const cost = operationCost(args, {
      isFree: (field) => isFree(context, field),
      listSize: (field) => listSize(context, field),
    })
    if (!context.isAnonymous) await context.charge(cost)
    const invalid = variableErrors(schema, definition, variableValues ?? {})
    if (invalid.length > 0) return { errors: invalid }
    // What a mutation has done is told, whatever else it shows: a new secret is shown this once.
    if (operation === OperationTypeNode.MUTATION) return await execute(args)
    const result = await context.untilRefused(() => execute(args))
    return result instanceof RequestError ? refused(result) : result
  }

  return async (request, context, type) => {
    const result = await run(request, context).catch((error) => ({ errors: [error] }))
    discardRest(request)
    return resultResponse(result, { type, requestId: context.requestId, logger })
  }
}
