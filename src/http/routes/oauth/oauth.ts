import { permissionNames } from '../../../auth/permissions.ts'
import { publishedAheadMs } from '../../../auth/signing-keys.ts'
import type { Deps } from '../../../deps.ts'
import { protectedResourcePath } from '../../headers.ts'
import { graphqlPath } from '../../paths.ts'
import { jsonReply, type Route } from '../route.ts'
import { endpoint } from './endpoint.ts'
import { introspect } from './introspect.ts'
import { revoke } from './revoke.ts'
import { exchange } from './token.ts'

/** Where the endpoints are, below the public address. */
const oauthPaths = {
  metadata: '/.well-known/oauth-authorization-server',
  keys: '/.well-known/jwks.json',
  token: '/oauth/token',
  introspection: '/oauth/introspect',
  revocation: '/oauth/revoke',
} as const

const clientAuthentication = ['client_secret_basic', 'client_secret_post']

/** What this server says of itself as an authorization server (RFC 8414, 2); its issuer is `publicUrl`. */
const authorizationServerMetadata = (publicUrl: string) => ({
  issuer: publicUrl,
  token_endpoint: publicUrl + oauthPaths.token,
  introspection_endpoint: publicUrl + oauthPaths.introspection,
  revocation_endpoint: publicUrl + oauthPaths.revocation,
  jwks_uri: publicUrl + oauthPaths.keys,
  grant_types_supported: ['client_credentials'],
  // Without an authorization endpoint there are none. Other lists that are empty are to be left out
  // (RFC 8414, 3.2), but this member is required (2).
  response_types_supported: [],
  token_endpoint_auth_methods_supported: clientAuthentication,
  introspection_endpoint_auth_methods_supported: [...clientAuthentication, 'Bearer'],
  revocation_endpoint_auth_methods_supported: clientAuthentication,
  scopes_supported: permissionNames,
})

/**
 * What this API says of itself as a protected resource (RFC 9728, 2).
 *
 * @param path of the API, which with the public address names the resource
 */
const protectedResourceMetadata = (publicUrl: string, path: string) => ({
  resource: publicUrl + path,
  authorization_servers: [publicUrl],
  jwks_uri: publicUrl + oauthPaths.keys,
  scopes_supported: permissionNames,
  bearer_methods_supported: ['header'],
  resource_name: 'Latchkey',
})

/** Half of how long a signing key is published before it signs: by then everybody has it. */
const cacheable = { 'cache-control': `public, max-age=${publishedAheadMs / 2 / 1_000}` }

/** The OAuth endpoints by their paths. */
export function oauthRoutes(deps: Deps): ReadonlyMap<string, Route> {
  const metadata = () => jsonReply(200, authorizationServerMetadata(deps.publicUrl), cacheable)
  const resource = (path: string) => () =>
    jsonReply(200, protectedResourceMetadata(deps.publicUrl, path), cacheable)
  const keySet = { ...cacheable, 'content-type': 'application/jwk-set+json' }
  const keys = async () => jsonReply(200, { keys: await deps.signingKeys.published() }, keySet)
  return new Map([
    [oauthPaths.metadata, endpoint(deps, 'GET', metadata)],
    [protectedResourcePath, endpoint(deps, 'GET', resource(''))],
    [protectedResourcePath + graphqlPath, endpoint(deps, 'GET', resource(graphqlPath))],
    [oauthPaths.keys, endpoint(deps, 'GET', keys)],
    [oauthPaths.token, endpoint(deps, 'POST', exchange(deps))],
    [oauthPaths.introspection, endpoint(deps, 'POST', introspect(deps))],
    [oauthPaths.revocation, endpoint(deps, 'POST', revoke(deps))],
  ])
}
