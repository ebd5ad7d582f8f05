import { assertAccepted, callerOf } from '../auth/authenticate.ts'
import type { Caller } from '../auth/caller.ts'
import type { CachedCredential } from '../auth/credential-cache.ts'
import { isApiKey } from '../auth/credentials/format.ts'
import { hashSecret } from '../auth/credentials/hash.ts'
import { findKeyByHash } from '../auth/key-record.ts'
import { noteUnderWay } from '../auth/under-way.ts'
import type { Deps } from '../deps.ts'
import { RequestError, serviceUnavailable, unauthenticated } from '../errors.ts'
import { retirePreviousSecret } from '../modules/api-key/retire-previous.ts'
import { presentedSecret } from './credential.ts'

/** One request, as far as it matters to who it is from. */
interface Origin {
  readonly headers: Headers
  readonly address: string | undefined
  readonly requestId: string
}

/**
 * The caller that a request's credential makes: rules 1 and 2 of the decision, before anything of
 * its body is read. Undefined when it presents none.
 *
 * @throws RequestError UNAUTHENTICATED with the reason, BAD_REQUEST, WORKSPACE_NOT_FOUND for a
 *   workspace that is not the credential's, SERVICE_UNAVAILABLE when it cannot be known
 */
export const authenticate = (deps: Deps, origin: Origin): Promise<Caller | undefined> =>
  noteUnderWay(callerFor(deps, origin))

async function callerFor(deps: Deps, origin: Origin): Promise<Caller | undefined> {
  const secret = presentedSecret(origin.headers)
  if (secret === undefined) return undefined
  if (!isApiKey(secret)) throw unauthenticated('MALFORMED')
  const hash = hashSecret(secret)
  const known = deps.credentials.get(Buffer.from(hash).toString('base64'))
  const { key, caller } = known ?? (await read(deps, hash))
  const now = known === undefined ? key.now : new Date()
  assertAccepted(key, now, origin.address)
  assertNamedWorkspace(origin.headers.get('x-workspace-id'), key.workspaceId, key.workspaceSlug)
  if (key.retiresPrevious) await retire(deps, origin, caller)
  deps.usage.used(key.workspaceId, key.id, now, origin.address)
  return caller
}

async function read(deps: Deps, hash: Uint8Array<ArrayBuffer>): Promise<CachedCredential> {
  const key = await findKeyByHash(deps.prisma, hash).catch((error: unknown) => {
    throw serviceUnavailable(error)
  })
  if (key === undefined) throw unauthenticated('UNKNOWN')
  const credential = { key, caller: callerOf(key, hash) }
  // One that is to retire the previous secret must be read again once it has.
  if (!key.retiresPrevious) deps.credentials.set(Buffer.from(hash).toString('base64'), credential)
  return credential
}

/**
 * The caller keeps the epoch it was authenticated at: this request's own retirement is no rotation
 * that it could have lost a race to.
 */
const retire = (deps: Deps, { requestId, address }: Origin, caller: Caller): Promise<void> =>
  retirePreviousSecret({ deps, requestId, address, caller }).catch((error: unknown) => {
    throw error instanceof RequestError ? error : serviceUnavailable(error)
  })

/** A key has one workspace; another one that it names is, for everybody, not there. */
function assertNamedWorkspace(named: string | null, id: string, slug: string): void {
  if (named !== null && named !== '' && named !== id && named !== slug)
    throw new RequestError('WORKSPACE_NOT_FOUND', 'There is no such workspace.')
}
