import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import { serviceUnavailable } from '../../errors.ts'
import { askIssuer, type IssuerAnswer, issuerDeadline } from './issuer-answer.ts'

type KeySet = ReturnType<typeof createLocalJWKSet>

/** Asymmetric ones alone: with a shared secret, or with a public key taken for one, anybody signs. */
export const signatureAlgorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
] as const

/** Milliseconds from one time that the keys were asked for to the next, for an unknown one. */
const unknownKeyPause = 30_000
/** The same while no key is known at all. */
const noKeysPause = 1_000
/** The age in milliseconds at which keys and metadata are asked for anew. */
const refreshAfter = 600_000

/** What an identity provider publishes: its keys, and what it says of a token's person. */
export interface IdentityProvider {
  /**
   * The key that a token names. @throws what jose throws for one that the issuer does not publish,
   * RequestError SERVICE_UNAVAILABLE when that cannot be known
   */
  readonly key: JWTVerifyGetKey
  /**
   * The claims that the issuer's userinfo endpoint gives for a token; undefined when it has no such
   * endpoint or does not accept the token there.
   *
   * @throws RequestError SERVICE_UNAVAILABLE when it does not answer
   */
  userinfo(token: string): Promise<IssuerAnswer['body']>
}

interface Metadata {
  readonly readAt: number
  readonly jwksUri: URL
  readonly userinfoEndpoint: URL | undefined
}

/** OpenID Connect Discovery 1.0, 4.1: a final slash of the issuer is left out. */
const metadataUrl = (issuer: string): URL =>
  new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)

async function readMetadata(issuer: string, deadline: AbortSignal): Promise<Metadata> {
  const { body } = await successful(metadataUrl(issuer), deadline)
  // Discovery 1.0, 4.3: else one issuer could speak for another.
  if (body.issuer !== issuer) throw new Error('the discovery document is of another issuer')
  return {
    readAt: performance.now(),
    jwksUri: endpoint(issuer, body.jwks_uri),
    userinfoEndpoint:
      body.userinfo_endpoint === undefined ? undefined : endpoint(issuer, body.userinfo_endpoint),
  }
}

async function successful(url: URL, deadline: AbortSignal) {
  const { status, body } = await askIssuer(url, deadline)
  if (status !== 200 || body === undefined)
    throw new Error(`${url.href} answered ${status} ${body ? 'with' : 'without'} a JSON object`)
  return { body }
}

/** A published address, which must be as well guarded on its way as the issuer's own. */
function endpoint(issuer: string, address: unknown): URL {
  const url = URL.parse(String(address))
  if (url === null || !(url.protocol === 'https:' || url.protocol === new URL(issuer).protocol))
    throw new Error(`the discovery document names no usable address: ${String(address)}`)
  return url
}

/** Whether any published key could have signed a token. */
async function isOfUse(keys: KeySet): Promise<boolean> {
  for (const alg of signatureAlgorithms) if (await hasKeyFor(keys, alg)) return true
  return false
}

async function hasKeyFor(keys: KeySet, alg: string): Promise<boolean> {
  try {
    await keys({ alg }, { payload: '', signature: '' })
    return true
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return false
    for await (const _key of error) return true
    return false
  }
}

/** An attempt to read the keys. While it is under way it has not ended: `endedAt` is Infinity. */
interface Attempt {
  readonly keys: Promise<KeySet>
  endedAt: number
  /** Whether somebody has been told why it failed. */
  isTold: boolean
}

/** Its keys. Of those who wait for one that fails, the first is told why: so it is logged once. */
const outcomeOf = (attempt: Attempt): Promise<KeySet> =>
  attempt.keys.catch((error: unknown) => {
    const cause = attempt.isTold ? undefined : error
    attempt.isTold = true
    throw serviceUnavailable(cause)
  })

/**
 * The published side of an issuer, read when it is first needed. Known keys go on while the issuer
 * does not answer. No timer runs: what is old is read anew beside the request that finds it so.
 */
export function createIdentityProvider(issuer: string): IdentityProvider {
  let metadata: Metadata | undefined
  let known: KeySet | undefined
  let last: Attempt | undefined

  const currentMetadata = async (deadline: AbortSignal): Promise<Metadata> => {
    if (metadata === undefined || performance.now() - metadata.readAt >= refreshAfter)
      metadata = await readMetadata(issuer, deadline)
    return metadata
  }
  const readKeys = async (): Promise<KeySet> => {
    const deadline = issuerDeadline()
    const { body } = await successful((await currentMetadata(deadline)).jwksUri, deadline)
    // Its own check follows: anything that is no key set throws.
    const keys = createLocalJWKSet(body as unknown as JSONWebKeySet)
    if (!(await isOfUse(keys)))
      throw new Error('the issuer publishes no key that could have signed')
    known = keys
    return keys
  }
  const sinceLast = (): number => performance.now() - (last?.endedAt ?? Number.NEGATIVE_INFINITY)

  /** Asks for the keys; within `pause` of the last time, its outcome holds and nothing is asked. */
  const attemptAfter = (pause: number): Attempt => {
    if (last !== undefined && sinceLast() < pause) return last
    const attempt: Attempt = {
      keys: readKeys().finally(() => {
        attempt.endedAt = performance.now()
      }),
      endedAt: Number.POSITIVE_INFINITY,
      isTold: false,
    }
    // Nobody may be waiting for it.
    attempt.keys.catch(() => undefined)
    last = attempt
    return attempt
  }
  const keysAfter = (pause: number): Promise<KeySet> => outcomeOf(attemptAfter(pause))

  const knownKeys = (): KeySet | Promise<KeySet> => {
    if (known === undefined) return keysAfter(noKeysPause)
    const keys = known
    if (sinceLast() < refreshAfter) return keys
    // When nobody has asked for long, a key that was withdrawn meanwhile shall not pass even once.
    const wasIdle = sinceLast() >= 2 * refreshAfter
    const fresh = attemptAfter(refreshAfter)
    return wasIdle ? fresh.keys.catch(() => keys) : keys
  }

  const key: JWTVerifyGetKey = async (header, token) => {
    const keys = await knownKeys()
    try {
      return await keys(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      const fresh = await keysAfter(unknownKeyPause)
      return await fresh(header, token)
    }
  }

  const askUserinfo = async (token: string): Promise<IssuerAnswer['body']> => {
    const deadline = issuerDeadline()
    const { userinfoEndpoint } = metadata ?? (await currentMetadata(deadline))
    if (userinfoEndpoint === undefined) return undefined
    const { status, body } = await askIssuer(userinfoEndpoint, deadline, token)
    if (status === 200 && body !== undefined) return body
    if (isRefusal(status)) return undefined
    throw new Error(`userinfo answered ${status} ${body ? 'with' : 'without'} a JSON object`)
  }
  const userinfo = (token: string): Promise<IssuerAnswer['body']> =>
    askUserinfo(token).catch((error: unknown) => {
      throw serviceUnavailable(error)
    })

  return { key, userinfo }
}

/** Whether the issuer answered and does not give it; too many requests (429) says nothing yet. */
const isRefusal = (status: number): boolean =>
  status >= 400 && status < 500 && status !== 408 && status !== 429
