import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import { type Adapter, type AdapterPayload, Provider } from 'oidc-provider'
import * as client from 'openid-client'

/** A person who can sign in there. */
export interface Account {
  readonly sub: string
  readonly email?: string
  readonly email_verified?: boolean
  readonly name?: string
}

/** What a sign-in gives its client. */
export interface SignedIn {
  readonly accessToken: string
  readonly idToken: string
}

/** oidc-provider, running in this process. */
export interface IdentityProvider {
  readonly issuer: string
  readonly audience: string
  /** Signs a person in as a browser and a client would: authorization code, PKCE, a login page. */
  signIn(account: Account): Promise<SignedIn>
  close(): Promise<void>
}

const clientId = 'console'
const redirectUri = 'https://console.test/signed-in'
const scope = 'openid profile email api'
const audience = 'https://latchkey.test'

/** What the provider keeps, for as long as it runs. */
function memoryOf(name: string, everything: Map<string, AdapterPayload>): Adapter {
  const nameOf = (id: string): string => `${name} ${id}`
  const find = async (id: string): Promise<AdapterPayload | undefined> => everything.get(nameOf(id))
  const findBy = async (matches: (payload: AdapterPayload) => boolean) =>
    [...everything].find(([id, payload]) => id.startsWith(`${name} `) && matches(payload))?.[1]
  return {
    find,
    findByUid: (uid) => findBy((payload) => payload.uid === uid),
    findByUserCode: (code) => findBy((payload) => payload.userCode === code),
    upsert: async (id, payload) => void everything.set(nameOf(id), payload),
    consume: async (id) => {
      const payload = await find(id)
      if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1_000)
    },
    destroy: async (id) => void everything.delete(nameOf(id)),
    revokeByGrantId: (grantId) => {
      const granted = [...everything].filter(([, payload]) => payload.grantId === grantId)
      for (const [id] of granted) everything.delete(id)
      return Promise.resolve()
    },
  }
}

async function createProvider(issuer: string, accounts: Map<string, Account>): Promise<Provider> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const memory = new Map<string, AdapterPayload>()
  const provider = new Provider(issuer, {
    adapter: (name: string) => memoryOf(name, memory),
    jwks: { keys: [{ ...(await exportJWK(privateKey)), use: 'sig' }] },
    clients: [
      {
        client_id: clientId,
        redirect_uris: [redirectUri],
        token_endpoint_auth_method: 'none',
        id_token_signed_response_alg: 'ES256',
      },
    ],
    cookies: { keys: ['for tests'] },
    ttl: { AccessToken: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    claims: { profile: ['name'], email: ['email', 'email_verified'] },
    findAccount: (_ctx, accountId) => ({
      accountId,
      claims: () => ({ ...claimsOf(accounts, accountId) }),
    }),
    extraTokenClaims: (_ctx, token) =>
      token.kind === 'AccessToken' ? { ...claimsOf(accounts, token.accountId) } : undefined,
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: 'api',
          audience,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    // A client of the house: nobody is asked whether it may.
    loadExistingGrant: async ({ oidc }) => {
      const grant = new provider.Grant({ clientId, accountId: oidc.session?.accountId ?? '' })
      grant.addOIDCScope(scope)
      grant.addResourceScope(audience, 'api')
      await grant.save()
      return grant
    },
  })
  return provider
}

function claimsOf(accounts: Map<string, Account>, sub: string): Account {
  const account = accounts.get(sub)
  if (account === undefined) throw new Error(`nobody is called ${sub}`)
  return account
}

/** Follows redirects as a browser does, cookies included, until one leads to the client. */
async function browse(start: URL): Promise<URL> {
  const cookies = new Map<string, string>()
  let url = start
  for (let steps = 0; !url.href.startsWith(redirectUri); steps++) {
    if (steps === 10) throw new Error(`${url.href}: too many redirects`)
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, { headers: { cookie }, redirect: 'manual' })
    for (const set of response.headers.getSetCookie()) {
      const [pair = ''] = set.split(';')
      const [name = '', value = ''] = pair.split(/=(.*)/s)
      cookies.set(name, value)
    }
    const location = response.headers.get('location')
    if (location === null)
      throw new Error(`${url.href}: ${response.status} ${await response.text()}`)
    await response.body?.cancel()
    url = new URL(location, url)
  }
  return url
}

export async function startIdentityProvider(): Promise<IdentityProvider> {
  const accounts = new Map<string, Account>()
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = await createProvider(issuer, accounts)
  const answer = provider.callback()

  /** The login page, at which a person needs no more than their name. */
  const logIn = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { params } = await provider.interactionDetails(req, res)
    const login = { accountId: String(params.login_hint) }
    await provider.interactionFinished(req, res, { login }, { mergeWithLastSubmission: false })
  }
  server.on('request', (req, res) => {
    if (!req.url?.startsWith('/interaction/')) void answer(req, res)
    else logIn(req, res).catch((error: unknown) => res.writeHead(500).end(String(error)))
  })

  const configuration = await client.discovery(
    new URL(issuer),
    clientId,
    undefined,
    client.None(),
    {
      execute: [client.allowInsecureRequests],
    },
  )

  return {
    issuer,
    audience,
    signIn: async (account) => {
      accounts.set(account.sub, account)
      const pkceCodeVerifier = client.randomPKCECodeVerifier()
      const start = client.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        scope,
        resource: audience,
        login_hint: account.sub,
        code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: 'S256',
      })
      const tokens = await client.authorizationCodeGrant(
        configuration,
        await browse(start),
        { pkceCodeVerifier },
        { resource: audience },
      )
      return { accessToken: tokens.access_token, idToken: tokens.id_token ?? '' }
    },
    close: async () => {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
}
