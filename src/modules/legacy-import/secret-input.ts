import { hashSecret } from '../../auth/credentials/hash.ts'
import { hasLegacyShape } from '../../auth/credentials/legacy-format.ts'
import type { ValidationErrors } from '../../input/problems.ts'

/** How the value of a legacy key is written. */
export type LegacyKeyEncoding = 'PLAINTEXT' | 'SHA256_HEX' | 'SHA256_BASE64'

/** A legacy secret or its hash, as it is written in an input. */
export interface LegacySecretInput {
  readonly value: string
  readonly encoding: LegacyKeyEncoding
  readonly start?: string | null | undefined
  readonly last4?: string | null | undefined
}

/** What is kept of a legacy secret: its SHA-256, and what may be shown. */
export interface LegacySecret {
  readonly hash: Uint8Array<ArrayBuffer>
  readonly start: string
  readonly last4: string
}

type Path = readonly (string | number)[]

const hex = /^[0-9A-Fa-f]{64}$/
/** 32 bytes: the last digit before the padding has two bits to spare, which are none (RFC 4648, 3.5). */
const base64 = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/

const maxStart = 12
const maxEnd = 4

/** Of a short secret no more than a quarter is shown, so that the rest is as hard to guess as it should be. */
function shownPartsOf(secret: string): Pick<LegacySecret, 'start' | 'last4'> {
  const shown = Math.min(maxStart, Math.floor(secret.length / 4))
  const end = Math.min(maxEnd, Math.floor(shown / 2))
  return { start: secret.slice(0, shown - end), last4: secret.slice(secret.length - end) }
}

function shownInput(
  problems: ValidationErrors,
  path: Path,
  value: string | null | undefined,
  max: number,
): string {
  const text = value ?? ''
  if (!/^[\x21-\x7e]+$/.test(text) || text.length > max)
    problems.add(
      'INVALID',
      path,
      `With a hash this is needed: 1 to ${max} printable ASCII characters without blanks.`,
    )
  return text
}

/** Whether the start and end that are to be shown are the whole secret. */
const isAllOf = ({ hash, start, last4 }: LegacySecret): boolean =>
  [start, last4, start + last4].some((text) => Buffer.from(hashSecret(text)).equals(hash))

function plainSecret(
  problems: ValidationErrors,
  path: Path,
  secret: string,
  prefixes: ReadonlySet<string>,
): LegacySecret {
  // Anything else would never be looked up when it is presented.
  if (!hasLegacyShape(secret, prefixes))
    problems.add(
      'INVALID',
      path,
      'A legacy secret has 16 to 512 printable ASCII characters without blanks, is no JWT, and does not begin with a prefix of keys made here.',
    )
  return { hash: hashSecret(secret), ...shownPartsOf(secret) }
}

const hashes = {
  SHA256_HEX: { shape: hex, bytes: 'hex', text: 'A SHA-256 in hex has 64 digits.' },
  SHA256_BASE64: {
    shape: base64,
    bytes: 'base64',
    text: 'A SHA-256 in base64 has 44 characters, of which the last is its padding.',
  },
} as const

/**
 * The secret of a legacy key. What does not look exactly as its encoding says is refused, not
 * guessed: a hash read in the wrong way would be that of a secret which nobody has. Nothing of the
 * value is in what is noted.
 *
 * @param prefixes of the keys that this installation ever made
 */
export function legacySecretInput(
  problems: ValidationErrors,
  path: Path,
  { value, encoding, start, last4 }: LegacySecretInput,
  prefixes: ReadonlySet<string>,
): LegacySecret {
  if (encoding === 'PLAINTEXT') return plainSecret(problems, [...path, 'value'], value, prefixes)
  const { shape, bytes, text } = hashes[encoding]
  if (!shape.test(value)) problems.add('INVALID', [...path, 'value'], text)
  const secret = {
    hash: new Uint8Array(Buffer.from(value, bytes)),
    start: shownInput(problems, [...path, 'start'], start, maxStart),
    last4: shownInput(problems, [...path, 'last4'], last4, maxEnd),
  }
  if (isAllOf(secret))
    problems.add('INVALID', [...path, 'start'], 'Together with last4 this is the whole secret.')
  return secret
}
