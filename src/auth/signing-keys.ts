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
import type { Prisma, PrismaClient } from '../generated/prisma/client.ts'
import type { Queryable } from './key-record.ts'
import { maxTokenSeconds } from './token-lifetime.ts'

/** What signs access tokens. */
export const signatureAlgorithm = 'EdDSA'

/** A key is published this long before it signs: whoever keeps our key set reads it anew meanwhile. */
export const publishedAheadMs = 600_000
/** How long a key is kept once another signs: until its last token is gone, and clocks differ. */
const keptMs = (maxTokenSeconds + 300) * 1_000
/** An unknown key id reads the keys again at most this often. */
const rereadMs = 5_000
/** What other replicas made is known after this, long before it signs. */
const freshMs = 60_000

/** A row, with the database's clock: the clocks of replicas may differ by more than a key's wait. */
interface SigningKeyRow {
  readonly id: string
  readonly publicKey: string
  readonly privateKey: string
  readonly signsFrom: Date
  readonly now: Date
}

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
  /**
   * Makes the next one, which signs in ten minutes, unless one is to come already, and drops those
   * whose last token is gone.
   */
  rotate(): Promise<{ readonly id: string; readonly signsFrom: Date }>
}

/** What encrypts the private keys at rest, derived from SECRETS_KEY (HKDF-SHA-256, RFC 5869). */
const deriveKey = (secretsKey: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secretsKey, '', 'latchkey signing keys', 32))

/** Oldest first. */
const readRows = (db: Queryable): Promise<SigningKeyRow[]> => db.$queryRaw<SigningKeyRow[]>`
  SELECT id, "publicKey", "privateKey", "signsFrom", clock_timestamp()::timestamptz(3) AS now
    FROM "SigningKey" ORDER BY "signsFrom", id`

/** Whether its successor has signed for longer than a token lives. */
const isOver = ({ now }: SigningKeyRow, successor: SigningKeyRow | undefined): boolean =>
  successor !== undefined && now.getTime() >= successor.signsFrom.getTime() + keptMs

async function createRow(
  db: Prisma.TransactionClient,
  encryptionKey: Uint8Array,
  signsInMs: number,
): Promise<{ readonly id: string; readonly signsFrom: Date }> {
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
  const [row] = await db.$queryRaw<{ signsFrom: Date }[]>`
    INSERT INTO "SigningKey" (id, "publicKey", "privateKey", "createdAt", "signsFrom")
    SELECT ${id}, ${JSON.stringify(publicJwk)}, ${encrypted}, now, now + ${signsInMs} * interval '1 ms'
      FROM (SELECT clock_timestamp()::timestamptz(3) AS now) AS clock
    RETURNING "signsFrom"`
  if (row === undefined) throw new Error('the signing key was not stored')
  return { id, signsFrom: row.signsFrom }
}

/** A transaction that waits longer than this for its turn, or runs longer, fails (milliseconds). */
const patience = { maxWait: 10_000, timeout: 20_000 }

/** Nobody else makes or drops a key meanwhile; everybody reads them. */
const alone = <T>(
  prisma: PrismaClient,
  work: (db: Prisma.TransactionClient) => Promise<T>,
): Promise<T> =>
  prisma.$transaction(async (db) => {
    await db.$executeRaw`LOCK TABLE "SigningKey" IN SHARE ROW EXCLUSIVE MODE`
    return await work(db)
  }, patience)

/** Of several that start at once one makes it, and they all sign with that one. */
const createFirst = (prisma: PrismaClient, encryptionKey: Uint8Array): Promise<void> =>
  alone(prisma, async (db) => {
    if ((await readRows(db)).length === 0) await createRow(db, encryptionKey, 0)
  })

const createNext = (prisma: PrismaClient, encryptionKey: Uint8Array) =>
  alone(prisma, async (db) => {
    const rows = await readRows(db)
    const dropped = rows.flatMap((row, at) => (isOver(row, rows[at + 1]) ? [row.id] : []))
    await db.signingKey.deleteMany({ where: { id: { in: dropped } } })
    const coming = rows.find(({ signsFrom, now }) => signsFrom > now)
    return coming ?? (await createRow(db, encryptionKey, publishedAheadMs))
  })

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

/** The keys as they were read. */
interface KeySet {
  /** Oldest first. */
  readonly keys: readonly SigningKey[]
  /** By the monotonic clock, and by the database's. */
  readonly readAt: number
  readonly databaseTime: number
}

/** Opens the database's signing keys, and makes the first one where there is none. */
export async function openSigningKeys(
  prisma: PrismaClient,
  secretsKey: string,
): Promise<SigningKeys> {
  const encryptionKey = deriveKey(secretsKey)
  let keySet: KeySet = { keys: [], readAt: Number.NEGATIVE_INFINITY, databaseTime: 0 }
  let reading: Promise<void> | undefined

  const load = async (): Promise<void> => {
    const readAt = performance.now()
    const known = new Map(keySet.keys.map((key) => [key.id, key]))
    const rows = await readRows(prisma)
    const kept = rows.filter((row, at) => !isOver(row, rows[at + 1]))
    const keys = await Promise.all(
      kept.map(async (row) => ({
        ...(known.get(row.id) ?? (await open(row, encryptionKey))),
        signsFrom: row.signsFrom,
      })),
    )
    keySet = { keys, readAt, databaseTime: rows[0]?.now.getTime() ?? 0 }
  }
  /** Who asks while the keys are being read waits for that read. One that fails leaves them as they are. */
  const reread = (): Promise<void> => {
    reading ??= load().finally(() => {
      reading = undefined
    })
    return reading
  }
  const ifOlderThan = async (ms: number): Promise<void> => {
    if (performance.now() - keySet.readAt >= ms) await reread()
  }
  const publicKeyOf = (id: string) => keySet.keys.find((key) => key.id === id)?.publicKey

  await reread()
  if (keySet.keys.length === 0) {
    await createFirst(prisma, encryptionKey)
    await reread()
  }

  return {
    async current() {
      await ifOlderThan(freshMs)
      const { keys, readAt, databaseTime } = keySet
      const now = databaseTime + performance.now() - readAt
      const key = keys.findLast(({ signsFrom }) => signsFrom.getTime() <= now) ?? keys[0]
      if (key === undefined) throw new Error('there is no signing key')
      return key
    },
    async find(id) {
      const known = publicKeyOf(id)
      if (known !== undefined) return known
      await ifOlderThan(rereadMs)
      return publicKeyOf(id)
    },
    async published() {
      // Who checks tokens by them can go on doing so while the database is away.
      await ifOlderThan(freshMs).catch(() => undefined)
      return keySet.keys.map(({ id, publicJwk }) => ({
        ...publicJwk,
        kid: id,
        use: 'sig',
        alg: signatureAlgorithm,
      }))
    },
    async rotate() {
      const { id, signsFrom } = await createNext(prisma, encryptionKey)
      // One that was under way may have begun before.
      await reading?.catch(() => undefined)
      await reread()
      return { id, signsFrom }
    },
  }
}
