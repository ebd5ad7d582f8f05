import { type Principal, userIdOf } from '../../auth/caller.ts'
import type { Deps } from '../../deps.ts'
import { unauthenticated } from '../../errors.ts'
import { sourceOf } from '../../input/addresses.ts'
import { createContext } from '../../schema/context.ts'
import { whenKnown } from '../../when-known.ts'
import { authenticate } from '../credential.ts'
import { isMultipart } from '../multipart.ts'
import type { HttpPlugin, ServerOptions } from '../plugin.ts'

/** By whom memory counts: people of a workspace and its keys as one, others by themselves. */
const callerOf = (principal: Principal | undefined, address = ''): string =>
  principal === undefined ? sourceOf(address) : (principal.workspaceId ?? userIdOf(principal))

/**
 * Finds the caller by the credential in the headers before anything of the body is read, and makes
 * the operation's context. Without a credential it goes on only where introspection is public, and with
 * no form: any page can send one, but not with a credential in a header.
 */
export const useAuthentication = (deps: Deps, { introspection }: ServerOptions): HttpPlugin => ({
  onRequestParse({ request, serverContext: { state } }) {
    const { address, requestId } = state
    return whenKnown(authenticate(deps, request.headers, state), (principal) => {
      const isForm = isMultipart(request.headers.get('content-type'))
      if (principal === undefined && (isForm || introspection !== 'public'))
        throw unauthenticated('MISSING')
      const { memory } = state.peer
      memory?.assignTo(callerOf(principal, address))
      state.context = createContext(deps, { requestId, address, principal, memory })
    })
  },
})
