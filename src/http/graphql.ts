import { type DocumentNode, type ExecutionResult, type GraphQLField, parse } from 'graphql'
import { createYoga, type Plugin, processRegularResult } from 'graphql-yoga'
import { requirementOf } from '../auth/guard.ts'
import { holds } from '../auth/policy.ts'
import type { Context } from '../context.ts'
import type { Deps } from '../deps.ts'
import { RequestError, unauthenticated } from '../errors.ts'
import { operationCost } from '../limits/operation-cost.ts'
import { Recent } from '../recent.ts'
import { schema } from '../schema.ts'
import { acceptedMediaType } from './accepted-media-type.ts'
import { hasTooManyTokens, isTooLarge, maxDocumentBytes, maxTokens } from './document.ts'
import { causeOf, type ErrorReach, maskError, outgoing } from './errors.ts'
import { onlyIntrospects } from './introspection.ts'
import { onlyRotates } from './only-rotates.ts'
import { onlyWellFormed } from './well-formed.ts'

/** Without a credential nothing but introspection passes, and where it is not public nothing gets here. */
const anonymousOnlyIntrospects: Plugin<object, Context> = {
  async onParams({ params, context }) {
    if (!context.isAnonymous) return
    if (!onlyIntrospects(params.query)) throw unauthenticated('MISSING')
    await context.deps.limits.attempts.introspected(context.address)
  },
}

/** A token that has been replaced may ask for its rotation, and for nothing else. */
const replacedOnlyRotates: Plugin<object, Context> = {
  onParams({ params, context }) {
    if (context.isAnonymous) return
    const { principal } = context
    if (principal.kind === 'ACCESS_TOKEN' && principal.isRotated && !onlyRotates(params))
      throw unauthenticated('ROTATED')
  },
}

const limitsDocument: Plugin<object, Context> = {
  onParams({ params }) {
    if (isTooLarge(params.query))
      throw new RequestError(
        'QUERY_TOO_COMPLEX',
        `A document has at most ${maxDocumentBytes} bytes.`,
      )
  },
  onParse({ setParseFn }) {
    setParseFn((source, options) => {
      if (hasTooManyTokens(typeof source === 'string' ? source : source.body))
        throw new RequestError('QUERY_TOO_COMPLEX', `A document has at most ${maxTokens} tokens.`)
      return parse(source, options)
    })
  },
}

/** What another pays for is free for those who may ask for it: a refusal is nobody else's to pay. */
function isFree(context: Context, field: GraphQLField<unknown, unknown>): boolean {
  if (field.extensions.isFree !== true || context.isAnonymous) return false
  const { principal } = context
  const asked = requirementOf(field)?.permissions ?? []
  return principal.workspaceId !== null && asked.every((name) => holds(principal.rights, name))
}

/** After validation and without its cache: what an operation asks for depends on its variables. */
const chargesOperation: Plugin<Context> = {
  async onExecute({ args }) {
    const { contextValue: context } = args
    const cost = operationCost(args, (field) => isFree(context, field))
    if (!context.isAnonymous) await context.charge(cost)
  },
}

/** Answers in the media type that was found acceptable before anything was done. */
const inAcceptedMediaType: Plugin<object, Context> = {
  onResultProcess({ request, setResultProcessor }) {
    const type = acceptedMediaType(request.headers.get('accept'))
    if (type !== undefined) setResultProcessor(processRegularResult, type)
  },
}

/** How much of an operation an error has left undone. */
const reachOf = (data: ExecutionResult['data']): ErrorReach => {
  if (data === undefined) return 'request'
  return Object.values(data ?? {}).every((value) => value === null) ? 'operation' : 'field'
}

/** Gives every error its request id and status, and the log what was masked. */
const errorsOnTheWayOut = (deps: Deps): Plugin<object, Context> => ({
  onResultProcess({ result, setResult, serverContext }) {
    if (Array.isArray(result) || !('errors' in result) || !result.errors) return
    const { data } = result as ExecutionResult
    const reach = reachOf(data)
    const { requestId } = serverContext
    const errors = result.errors.map((error) => {
      const cause = causeOf(error)
      if (cause !== undefined) deps.logger.error({ err: cause, requestId }, error.message)
      return outgoing(error, requestId, reach)
    })
    setResult({ ...(result as ExecutionResult), errors })
  },
})

/** A document of 1,000 tokens takes half a megabyte once it is parsed; what is no document is not kept. */
const parsedDocuments = () => ({
  documentCache: new Recent<DocumentNode>(100),
  errorCache: { get: () => undefined, set: () => undefined },
})

/**
 * The GraphQL engine behind our own HTTP. Its limits, pages, routes and logs are ours, and so
 * switched off here; errors are masked in every environment. Each request brings a context of its own.
 */
export const createGraphQL = (deps: Deps) =>
  createYoga<Context>({
    schema,
    maskedErrors: { isDev: false, maskError },
    plugins: [
      onlyWellFormed,
      limitsDocument,
      anonymousOnlyIntrospects,
      replacedOnlyRotates,
      chargesOperation,
      errorsOnTheWayOut(deps),
      inAcceptedMediaType,
    ],
    parserAndValidationCache: parsedDocuments(),
    logging: false,
    cors: false,
    graphiql: false,
    landingPage: false,
    batching: false,
    multipart: false,
    maxRequestBodySize: false,
    // Compared with the end of the address, query included: one that no address can end with.
    healthCheckEndpoint: '/ no such path /',
  })
