import { hkdfSync } from 'node:crypto'
import {
  CompactEncrypt,
  type CryptoKey,
  calculateJwkThumbprint,
  compactDecrypt,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
} from 'jose'
import type { PrismaClient, SigningKey as SigningKeyRow } from '../generated/prisma/client.ts'
import { maxTokenSeconds } from './token-lifetime.ts'

/** What signs access tokens. */
export const signatureAlgorithm = 'EdDSA'

/** A key is published this long before it signs: whoever keeps our key set reads it anew meanwhile. */
const publishedAheadMs = 600_000
/** How long a key is kept once another signs: until its last token is gone, and clocks differ. */
const keptMs = (maxTokenSeconds + 300) * 1_000
/** An unknown key id reads the keys again at most this often. */
const rereadMs = 5_000
/** What other replicas made is known after this, long before it signs. */
const freshMs = 60_000

interface SigningKey {
  readonly id: string
  readonly publicJwk: JWK
  readonly publicKey: CryptoKey
  readonly privateKey: CryptoKey
  readonly signsFrom: Date
}

/** The installation's key pairs for access tokens: one signs, others are to come or still verify. */
export interface SigningKeys {
  /** The one that signs now. */
  current(): Promise<{ readonly id: string; readonly privateKey: CryptoKey }>
  /** The public key of that id. An unknown one reads the database again, at most every 5 s. */
  find(id: string): Promise<CryptoKey | undefined>
  /** The public keys that a token's signature may be checked by, the coming one included. */
  published(): Promise<readonly JWK[]>
  /** Makes the next one, which signs in ten minutes, and drops those whose last token is gone. */
  rotate(): Promise<{ readonly id: string; readonly signsFrom: Date }>
}

/** What encrypts the private keys at rest, derived from SECRETS_KEY (HKDF-SHA-256, RFC 5869). */
const deriveKey = (secretsKey: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secretsKey, '', 'latchkey signing keys', 32))

async function createRow(
  prisma: PrismaClient,
  encryptionKey: Uint8Array,
  signsFrom: Date,
): Promise<SigningKeyRow> {
  const { publicKey, privateKey } = await generateKeyPair(signatureAlgorithm, {
    crv: 'Ed25519',
    extractable: true,
  })
  const publicJwk = await exportJWK(publicKey)
  const id = await calculateJwkThumbprint(publicJwk)
  const encrypted = await new CompactEncrypt(
    new TextEncoder().encode(JSON.stringify(await exportJWK(privateKey))),
  )
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: id })
    .encrypt(encryptionKey)
  return prisma.signingKey.create({
    data: {
      id,
      publicKey: JSON.stringify(publicJwk),
      privateKey: encrypted,
      createdAt: new Date(),
      signsFrom,
    },
  })
}

const importKey = async (jwk: JWK): Promise<CryptoKey> =>
  (await importJWK(jwk, signatureAlgorithm)) as CryptoKey

async function open(row: SigningKeyRow, encryptionKey: Uint8Array): Promise<SigningKey> {
  const { plaintext } = await compactDecrypt(row.privateKey, encryptionKey)
  const publicJwk: JWK = JSON.parse(row.publicKey)
  return {
    id: row.id,
    publicJwk,
    publicKey: await importKey(publicJwk),
    privateKey: await importKey(JSON.parse(new TextDecoder().decode(plaintext))),
    signsFrom: row.signsFrom,
  }
}

/** The keys, oldest first, without those whose successor has signed for longer than a token lives. */
const kept = <Key extends Pick<SigningKey, 'signsFrom'>>(keys: readonly Key[]): Key[] =>
  keys.filter((_key, index) => {
    const successor = keys[index + 1]
    return successor === undefined || Date.now() < successor.signsFrom.getTime() + keptMs
  })

/** Opens the database's signing keys, and makes the first one where there is none. */
export async function openSigningKeys(
  prisma: PrismaClient,
  secretsKey: string,
): Promise<SigningKeys> {
  const encryptionKey = deriveKey(secretsKey)
  let keys: readonly SigningKey[] = []
  let readAt = 0
  let reading: Promise<void> | undefined

  const rows = () => prisma.signingKey.findMany({ orderBy: [{ signsFrom: 'asc' }, { id: 'asc' }] })
  const load = async (): Promise<void> => {
    readAt = performance.now()
    const known = new Map(keys.map((key) => [key.id, key]))
    const opened = kept(await rows()).map((row) => known.get(row.id) ?? open(row, encryptionKey))
    keys = await Promise.all(opened)
  }
  /** Who asks while the keys are being read waits for that read. */
  const reread = (): Promise<void> => {
    reading ??= load().finally(() => {
      reading = undefined
    })
    return reading
  }
  const ifOlderThan = (ms: number): Promise<void> =>
    reading ?? (performance.now() - readAt < ms ? Promise.resolve() : reread())

  await reread()
  if (keys.length === 0) {
    await createRow(prisma, encryptionKey, new Date())
    await reread()
  }

  return {
    async current() {
      await ifOlderThan(freshMs)
      const key = keys.findLast(({ signsFrom }) => signsFrom.getTime() <= Date.now()) ?? keys[0]
      if (key === undefined) throw new Error('there is no signing key')
      return key
    },
    async find(id) {
      const known = keys.find((key) => key.id === id)
      if (known !== undefined) return known.publicKey
      await ifOlderThan(rereadMs)
      return keys.find((key) => key.id === id)?.publicKey
    },
    async published() {
      await ifOlderThan(freshMs)
      return keys.map(({ id, publicJwk }) => ({
        ...publicJwk,
        kid: id,
        use: 'sig',
        alg: signatureAlgorithm,
      }))
    },
    async rotate() {
      const { id, signsFrom } = await createRow(
        prisma,
        encryptionKey,
        new Date(Date.now() + publishedAheadMs),
      )
      const all = await rows()
      const keptIds = kept(all).map((row) => row.id)
      await prisma.signingKey.deleteMany({ where: { id: { notIn: keptIds } } })
      await reread()
      return { id, signsFrom }
    },
  }
}
