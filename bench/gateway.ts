import { verifyPath } from '../src/http/paths.ts'
import { authorization, operation, type Request } from './request.ts'
import type { Server } from './server.ts'
import { type Subject, subjectOf } from './subject.ts'

/** A gateway's key, and the keys that it asks about. */
export interface Verified {
  readonly gateway: string
  readonly keys: readonly string[]
}

/** What a gateway's key holds, and what the keys that it asks about do. */
export const gatewayPermissions = ['keys:read', 'keys:verify']
export const clientPermissions = ['agents:read', 'agents:run']

const verifyApiKey = `mutation ($input: VerifyApiKeyInput!) {
  verifyApiKey(input: $input) { valid code }
}`

/** The keys verified in turn by the mutation `verifyApiKey`. */
export const byMutation = (server: Server, name: string, verified: Verified): Promise<Subject> =>
  subjectOf(server, {
    name,
    requests: verified.keys.map((secret) =>
      operation(verified.gateway, verifyApiKey, { input: { secret } }),
    ),
    isGood: ({ body }) => body === '{"data":{"verifyApiKey":{"valid":true,"code":"VALID"}}}',
  })

const routeRequest = (gateway: string, secret: string): Request => ({
  method: 'GET',
  path: `${verifyPath}?permission=agents:read`,
  headers: { 'latchkey-verifier': gateway, ...authorization(secret) },
})

/** The keys verified in turn by the route `GET /verify`, for one permission. */
export const byRoute = (
  server: Server,
  name: string,
  { gateway, keys }: Verified,
): Promise<Subject> =>
  subjectOf(server, {
    name,
    requests: keys.map((secret) => routeRequest(gateway, secret)),
    isGood: ({ status }) => status === 204,
  })
