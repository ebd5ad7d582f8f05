import { permissionNames } from '../../../auth/permissions.ts'

/** Where the endpoints are, below the public address. */
export const oauthPaths = {
  metadata: '/.well-known/oauth-authorization-server',
  keys: '/.well-known/jwks.json',
  token: '/oauth/token',
  introspection: '/oauth/introspect',
  revocation: '/oauth/revoke',
} as const

const clientAuthentication = ['client_secret_basic', 'client_secret_post']

/** What this server says of itself as an authorization server (RFC 8414, 2); its issuer is `publicUrl`. */
export const authorizationServerMetadata = (publicUrl: string) => ({
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
