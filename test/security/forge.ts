import { expect } from 'vitest'
import type { World } from '../setup/world.ts'

type Part = string | Readonly<Record<string, unknown>>

/** A part of a JWT: of an object its JSON, of a text the text itself. */
export const part = (value: Part): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** The three parts of a JWT, as they stand in it. */
export function partsOf(jwt: string): { header: string; payload: string; signature: string } {
  const [header = '', payload = '', signature = ''] = jwt.split('.')
  return { header, payload, signature }
}

const jsonOf = (encoded: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(encoded, 'base64url').toString())

export const headerOf = (jwt: string) => jsonOf(partsOf(jwt).header)
export const claimsOf = (jwt: string) => jsonOf(partsOf(jwt).payload)

/** A JWT with these parts, signed by that Ed25519 key, whatever they say. */
export async function signed(header: Part, payload: Part, key: CryptoKey): Promise<string> {
  const input = `${part(header)}.${part(payload)}`
  const signature = await crypto.subtle.sign('Ed25519', key, Buffer.from(input))
  return `${input}.${Buffer.from(signature).toString('base64url')}`
}

/**
 * Of a good token: another one with some header parameters and claims changed (undefined: left out),
 * signed by that key.
 */
export const changed = (
  jwt: string,
  { header = {}, claims = {} }: { header?: object; claims?: object },
  key: CryptoKey,
): Promise<string> => signed({ ...headerOf(jwt), ...header }, { ...claimsOf(jwt), ...claims }, key)

const messages: Readonly<Record<string, string>> = {
  MALFORMED:
    'Authorization holds no well-formed key or token; send "Authorization: Bearer <key or token>".',
  UNKNOWN: 'This credential is not known.',
  EXPIRED: 'This credential has expired.',
}

/**
 * What becomes of a request with exactly these headers: ACCEPTED, or why not. A refusal must be a
 * whole GraphQL answer in our own words.
 */
export async function presented(
  { app }: Pick<World, 'app'>,
  headers: Readonly<Record<string, string>>,
  path = '/graphql',
): Promise<string> {
  const response = await app.fetch(
    new Request(`http://latchkey.test${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query: '{ viewer { kind } workspace { name } }' }),
    }),
  )
  const body = await response.json()
  if (response.status === 200) {
    expect(body).toEqual({
      data: { viewer: { kind: 'ACCESS_TOKEN' }, workspace: { name: expect.any(String) } },
    })
    return 'ACCEPTED'
  }
  const [{ message, extensions }] = body.errors
  if (response.status !== 401) return `${response.status} ${extensions.code}`
  const { reason } = extensions
  expect(message).toEqual(messages[reason] ?? expect.any(String))
  const requestId = response.headers.get('x-request-id')
  expect(body).toEqual({
    errors: [{ message, extensions: { code: 'UNAUTHENTICATED', reason, requestId } }],
  })
  expect(response.headers.get('www-authenticate')).toMatch(
    /^Bearer( error="invalid_token",)? resource_metadata="[^"]+"$/,
  )
  return `401 ${reason}`
}

/** The same for a bearer token. */
export const verdictOn = (world: Pick<World, 'app'>, token: string): Promise<string> =>
  presented(world, { authorization: `Bearer ${token}` })

/** Presents them one after the other; each must be refused for that reason. */
export async function expectRefused(
  world: Pick<World, 'app'>,
  reason: string,
  forged: Readonly<Record<string, string>>,
): Promise<void> {
  const outcomes: Record<string, string> = {}
  for (const [name, jwt] of Object.entries(forged)) outcomes[name] = await verdictOn(world, jwt)
  const expected = Object.keys(forged).map((name) => [name, `401 ${reason}`])
  expect(outcomes).toEqual(Object.fromEntries(expected))
}
