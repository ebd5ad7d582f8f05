import { GraphQLError } from 'graphql'
import { credentialIdsOf } from '../auth/caller.ts'
import { withoutSecrets } from '../auth/credentials/without-secrets.ts'
import type { Config } from '../config.ts'
import type { Deps } from '../deps.ts'
import { RequestError } from '../errors.ts'
import { isId } from '../ids.ts'
import { denialReason } from '../jobs/denials.ts'
import { OAuthError } from './routes/oauth/oauth-error.ts'
import type { RequestState } from './server-context.ts'

/** How a request ended. */
interface Outcome {
  readonly method: string | undefined
  /** As it was sent, without the query string. */
  readonly path: string
  readonly status: number
  /** Whether the client left before it had the whole answer. */
  readonly isAborted: boolean
}

/** Logs and counts a request that has ended. */
export type RequestLog = (state: RequestState, outcome: Outcome) => void

/** What others ask for every few seconds. */
const probes = ['/health', '/ready', '/metrics']

/** A secret has 16 characters at least, an id of ours is none. */
function shownPath(path: string): string {
  if (path.length <= 16) return path
  const [, first = '', ...rest] = path.split('/')
  const [second = ''] = rest
  if (first.length > 12) return '/…'
  return `/${first}${rest.length === 0 ? '' : isId(second) ? `/${second}` : '/…'}`
}

/** Why a request was refused, or its answer is less than was asked for; nothing of any message. */
function refusalOf(error: unknown) {
  const origin = error instanceof GraphQLError ? (error.originalError ?? error) : error
  if (origin instanceof GraphQLError) return { code: origin.extensions.code }
  if (origin instanceof OAuthError) return { code: origin.code }
  if (!(origin instanceof RequestError)) return undefined
  const { code, details, logged } = origin
  const { reason = details.reason, offBySeconds, ...ids } = logged
  const missing = details.missingPermissions as readonly string[] | undefined
  return { code, reason, offBySeconds, missing, ids }
}

/**
 * Logs each request in one line, without its document, variables and query string, and counts it.
 *
 * @param mode `errors` logs those alone that were refused, failed or abandoned
 */
export function createRequestLog(
  { logger, metrics, denials }: Pick<Deps, 'logger' | 'metrics' | 'denials'>,
  mode: Config['logRequests'] = 'on',
): RequestLog {
  return (state, { method, path, status, isAborted }) => {
    const ms = performance.now() - state.startedAt
    const { peer, requestId, route, operation, caller, verdict } = state
    const kind = operation?.operation
    const refused = refusalOf(state.refusal)
    metrics.countRequest({ route, operation: kind, status, verdict: verdict?.code }, ms / 1_000)
    if (refused?.code === 'UNAUTHENTICATED') metrics.countRefusedCredential(String(refused.reason))
    const ids = caller ? credentialIdsOf(caller) : refused?.ids
    const reason = refused && denialReason(refused.code, refused.reason)
    if (reason)
      denials.add({ ...ids, reason, missing: refused.missing, address: state.address, requestId })
    const isGood = status < 400 && !refused && !isAborted
    if (mode === 'off' || (mode === 'errors' && isGood)) return
    const level = isGood && probes.includes(route) ? 'debug' : 'info'
    if (!logger.isLevelEnabled(level)) return
    const name = operation?.name?.value
    // One literal: spreading costs as much as the rest of the line.
    logger[level](
      {
        requestId,
        method,
        path: route === path ? path : shownPath(path),
        operation: name && withoutSecrets(name).slice(0, 100),
        kind,
        status,
        ms: Math.round(ms * 10) / 10,
        cost: (state.charged ?? state.context?.charged)?.cost,
        workspaceId: ids?.workspaceId,
        keyId: ids?.keyId,
        tokenId: ids?.tokenId,
        userId: ids?.userId,
        // Of a request that came to no route it is the connection's.
        address: route === 'none' ? peer.address : state.address,
        verdict: verdict?.code,
        verifiedKeyId: verdict?.caller && credentialIdsOf(verdict.caller).keyId,
        aborted: isAborted || undefined,
        code: refused?.code,
        reason: refused?.reason,
        offBySeconds: refused?.offBySeconds,
        missing: refused?.missing,
      },
      'request',
    )
  }
}
