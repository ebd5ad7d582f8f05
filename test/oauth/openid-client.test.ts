import * as oauth from 'openid-client'
import { beforeAll, expect, test } from 'vitest'
import { seed } from '../setup/seed.ts'
import { useWorld, world } from '../setup/use-world.ts'
import type { Client } from './ask.ts'
import { serveWorld } from './listening.ts'

let key: Client
let verifier: Client

useWorld()
beforeAll(async () => {
  const make = seed(world, (await world.createWorkspace()).secret)
  key = await make.key({ name: 'client', permissions: ['workspace:read', 'members:read'] })
  verifier = await make.key({ name: 'resource', permissions: ['keys:read', 'keys:verify'] })
})

/** What a client finds out by the address alone. */
const discover = (url: string, { id, secret }: Client, authentication = oauth.ClientSecretBasic) =>
  oauth.discovery(new URL(url), id, undefined, authentication(secret), {
    algorithm: 'oauth2',
    execute: [oauth.allowInsecureRequests],
  })

const ask = (config: oauth.Configuration, url: string, token: string): Promise<Response> =>
  oauth.fetchProtectedResource(
    config,
    token,
    new URL(`${url}/graphql`),
    'POST',
    JSON.stringify({ query: '{ viewer { kind permissions } }' }),
    new Headers({ 'content-type': 'application/json' }),
  )

test.each([
  ['client_secret_basic', oauth.ClientSecretBasic],
  ['client_secret_post', oauth.ClientSecretPost],
])('a stock client with %s gets, uses, shows and ends a token', async (_, authentication) => {
  const { url } = await serveWorld(world)
  const client = await discover(url, key, authentication)
  expect(client.serverMetadata().issuer).toBe(url)
  const tokens = await oauth.clientCredentialsGrant(client, { scope: 'workspace:read' })
  expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'workspace:read' })
  expect(tokens.expires_in).toBe(900)

  const { data } = await (await ask(client, url, tokens.access_token)).json()
  expect(data.viewer).toEqual({ kind: 'ACCESS_TOKEN', permissions: ['workspace:read'] })

  const resource = await discover(url, verifier, authentication)
  const shown = await oauth.tokenIntrospection(resource, tokens.access_token)
  expect(shown).toMatchObject({
    active: true,
    scope: 'workspace:read',
    client_id: key.id,
    iss: url,
  })

  await oauth.tokenRevocation(client, tokens.access_token)
  expect(await oauth.tokenIntrospection(resource, tokens.access_token)).toEqual({ active: false })
  await expect(ask(client, url, tokens.access_token)).rejects.toMatchObject({
    code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE',
    status: 401,
  })
})

test('a stock client understands what goes wrong', async () => {
  const { url } = await serveWorld(world)
  const client = await discover(url, key)
  await expect(oauth.clientCredentialsGrant(client, { scope: 'agents:run' })).rejects.toMatchObject(
    { code: 'OAUTH_RESPONSE_BODY_ERROR', error: 'invalid_scope', status: 400 },
  )
  await expect(oauth.clientCredentialsGrant(client, { resource: 'here' })).rejects.toMatchObject({
    error: 'invalid_target',
  })
  const impostor = await discover(url, { id: key.id, secret: verifier.secret })
  await expect(oauth.clientCredentialsGrant(impostor)).rejects.toMatchObject({
    code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE',
    status: 401,
  })
  await expect(oauth.tokenIntrospection(client, 'x')).rejects.toMatchObject({ status: 403 })
})
