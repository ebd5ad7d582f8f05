import type { Principal } from '../auth/caller.ts'
import { namingHeader, presentedSecret } from '../auth/credentials/presented-secret.ts'
import type { Deps } from '../deps.ts'
import { authenticatePrincipal } from '../modules/credential/authenticate-principal.ts'
import { type Awaitable, whenKnown } from '../when-known.ts'
import type { RequestState } from './server-context.ts'

/**
 * Whom a request's credential names, before anything of its body is read. Undefined when it presents
 * none.
 *
 * @throws RequestError as `presentedSecret` and `authenticatePrincipal`
 */
export function authenticate(
  deps: Deps,
  headers: Headers,
  state: RequestState,
): Awaitable<Principal | undefined> {
  const presented = presentedSecret(headers)
  if (presented === undefined) return undefined
  const { address, requestId } = state
  const workspace = headers.get('x-workspace-id') || undefined
  const { secret, header } = presented
  const caller = authenticatePrincipal(deps, secret, { address, requestId, workspace })
  // What is known at once is well-formed.
  const named = caller instanceof Promise ? caller.catch(namingHeader(header)) : caller
  return whenKnown(named, (known) => {
    state.caller = known
    return known
  })
}
