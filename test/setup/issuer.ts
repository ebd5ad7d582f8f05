import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose'

type Json = Readonly<Record<string, unknown>>

/** A key of the issuer with what it publishes of it. */
export interface IssuerKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly publicJwk: JWK
}

export async function makeKey(kid: string, alg = 'ES256'): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg } }
}

/** What is asked of the issuer, as a path names it. */
type Page = 'discovery' | 'keys' | 'userinfo'

/** An identity provider by hand, which can be told to misbehave. */
export interface Issuer {
  readonly url: string
  readonly audience: string
  /** How often each was asked for. */
  readonly requests: Record<Page, number>
  /** What each page answers instead of what it should; `hang` leaves the request open. */
  readonly pages: Partial<Record<Page, 'cut' | 'hang' | ((res: ServerResponse) => void)>>
  /** The published keys. */
  readonly keys: IssuerKey[]
  /** What userinfo says, by subject; it refuses the tokens of all others. */
  readonly people: Map<string, Json>
  /** Of the discovery document. */
  readonly metadata: Record<string, unknown>
  /** An access token of the first key; `claims` replace its own, those that are undefined go. */
  token(claims?: Json, options?: { key?: IssuerKey; header?: Json }): Promise<string>
  /** Cuts every connection and refuses new ones until `mend`. */
  cut(): void
  mend(): void
  close(): Promise<void>
}

export async function startIssuer(): Promise<Issuer> {
  const requests: Issuer['requests'] = { discovery: 0, keys: 0, userinfo: 0 }
  const pages: Issuer['pages'] = {}
  const people: Issuer['people'] = new Map()
  const keys = [await makeKey('first')]
  const metadata: Issuer['metadata'] = {}

  const answers: Record<Page, (res: ServerResponse, authorization: string) => void> = {
    discovery: (res) => sendJson(res, 200, metadata),
    keys: (res) => sendJson(res, 200, { keys: keys.map(({ publicJwk }) => publicJwk) }),
    userinfo: (res, authorization) => {
      const person = people.get(subjectOf(authorization))
      sendJson(res, person ? 200 : 401, person ?? { error: 'invalid_token' })
    },
  }
  const pathOf: Readonly<Record<string, Page>> = {
    '/.well-known/openid-configuration': 'discovery',
    '/keys': 'keys',
    '/userinfo': 'userinfo',
  }
  const server = createServer((req, res) => {
    const page = pathOf[req.url ?? '']
    if (page === undefined) {
      sendJson(res, 404, {})
      return
    }
    requests[page] += 1
    const instead = pages[page]
    if (instead === undefined) answers[page](res, req.headers.authorization ?? '')
    else if (instead === 'cut') req.socket.destroy()
    else if (instead !== 'hang') instead(res)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  Object.assign(metadata, {
    issuer: url,
    jwks_uri: `${url}/keys`,
    userinfo_endpoint: `${url}/userinfo`,
  })
  const audience = 'https://latchkey.test'

  return {
    url,
    audience,
    requests,
    pages,
    keys,
    people,
    metadata,
    token: (claims, { key = keys[0], header } = {}) => {
      if (key === undefined) throw new Error('the issuer has no key')
      const now = Math.floor(Date.now() / 1_000)
      const payload: JWTPayload = {
        iss: url,
        aud: audience,
        sub: 'ada',
        iat: now,
        exp: now + 600,
        ...claims,
      }
      return new SignJWT(payload)
        .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'at+jwt', ...header })
        .sign(key.privateKey)
    },
    cut: () => {
      for (const page of Object.values(pathOf)) pages[page] = 'cut'
      server.closeAllConnections()
    },
    mend: () => {
      for (const page of Object.values(pathOf)) delete pages[page]
    },
    close: async () => {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
}

export function sendJson(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function subjectOf(authorization: string): string {
  const payload = authorization.split('.')[1] ?? ''
  return payload === '' ? '' : JSON.parse(Buffer.from(payload, 'base64url').toString()).sub
}
