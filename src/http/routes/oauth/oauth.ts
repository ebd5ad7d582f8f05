import { publishedAheadMs } from '../../../auth/signing-keys.ts'
import type { Deps } from '../../../deps.ts'
import { jsonReply, type Route } from '../route.ts'
import { endpoint } from './endpoint.ts'
import { introspect } from './introspect.ts'
import { authorizationServerMetadata, oauthPaths } from './metadata.ts'
import { revoke } from './revoke.ts'
import { exchange } from './token.ts'

/** Half of how long a signing key is published before it signs: by then everybody has it. */
const maxAgeSeconds = publishedAheadMs / 2 / 1_000
/** For documents about the installation. */
const cacheable = { 'cache-control': `public, max-age=${maxAgeSeconds}` }

/** The OAuth endpoints by their paths. */
export const oauthRoutes = (deps: Deps): ReadonlyMap<string, Route> =>
  new Map([
    [
      oauthPaths.metadata,
      endpoint(deps, 'GET', () =>
        jsonReply(200, authorizationServerMetadata(deps.publicUrl), cacheable),
      ),
    ],
    [
      oauthPaths.keys,
      endpoint(deps, 'GET', async () =>
        jsonReply(
          200,
          { keys: await deps.signingKeys.published() },
          { ...cacheable, 'content-type': 'application/jwk-set+json' },
        ),
      ),
    ],
    [oauthPaths.token, endpoint(deps, 'POST', exchange(deps))],
    [oauthPaths.introspection, endpoint(deps, 'POST', introspect(deps))],
    [oauthPaths.revocation, endpoint(deps, 'POST', revoke(deps))],
  ])
