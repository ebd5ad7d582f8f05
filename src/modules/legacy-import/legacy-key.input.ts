import { hashSecret } from '../../auth/credentials/hash.ts'
import { hasLegacyShape } from '../../auth/credentials/legacy-format.ts'
import { permissionNamesInput, validateRequirements } from '../../input/permission-list.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { validateInput } from '../../input/read-input.ts'
import { name as nameSchema } from '../../input/text.ts'
import { maxGrants } from '../api-key/terms-input.ts'

/** How the value of a legacy key is written. */
export type LegacyKeyEncoding = 'PLAINTEXT' | 'SHA256_HEX' | 'SHA256_BASE64'

/** A key to import. It has no expiry, address rule or rate limit of its own. */
export interface LegacyKeyInput {
  readonly name: string
  /** A user id. */
  readonly ownerId: string
  /** The secret or its hash, as `encoding` says. */
  readonly value: string
  readonly encoding: LegacyKeyEncoding
  readonly start?: string | null | undefined
  readonly last4?: string | null | undefined
  readonly spaceIds?: readonly string[] | null | undefined
  readonly allSpaces?: boolean | null | undefined
  readonly permissions?: readonly string[] | null | undefined
}

/** What is stored of a legacy secret: its SHA-256, and the parts that may be shown. */
export interface LegacySecret {
  readonly hash: Uint8Array<ArrayBuffer>
  readonly start: string
  readonly last4: string
}

/** A key to import, with what is wrong with it; paths are relative to the key. */
export interface ParsedKey {
  readonly input: LegacyKeyInput
  readonly problems: ValidationErrors
  readonly name: string
  readonly permissions: readonly string[]
  readonly secret: LegacySecret
}

/** What decides, besides the key itself, whether its secret can be imported. */
export interface ImportRules {
  /** Of the keys that this installation ever made. */
  readonly prefixes: ReadonlySet<string>
  /**
   * Whether hashes are taken, which the operator allows: who imports the hash of a secret need not know
   * the secret, and gets the requests of its owner.
   */
  readonly allowsHashes: boolean
}

/** Errors per key: an import may hold a thousand keys. */
export const maxErrorsPerKey = 5

const maxStart = 12
const maxEnd = 4

/** At most a quarter of a short secret is shown, so that the rest stays hard to guess. */
function shownPartsOf(secret: string): Pick<LegacySecret, 'start' | 'last4'> {
  const shown = Math.min(maxStart, Math.floor(secret.length / 4))
  const end = Math.min(maxEnd, Math.floor(shown / 2))
  return { start: secret.slice(0, shown - end), last4: secret.slice(secret.length - end) }
}

const isShowable = (text: string, max: number): boolean =>
  text.length <= max && /^[\x21-\x7e]+$/.test(text)

const isWholeSecret = ({ hash, start, last4 }: LegacySecret): boolean =>
  [start, last4, start + last4].some((text) => Buffer.from(hashSecret(text)).equals(hash))

/**
 * Reads the secret. A value that does not look exactly as its encoding says is refused, not guessed:
 * a hash read in the wrong way would be that of a secret which nobody has. No message quotes the value.
 */
function secretInput(
  problems: ValidationErrors,
  { value, encoding, ...shown }: LegacyKeyInput,
  { prefixes, allowsHashes }: ImportRules,
): LegacySecret {
  const refuseUnless = (isRight: boolean, field: string, message: string): void => {
    if (!isRight) problems.add('INVALID', [field], message)
  }
  if (encoding === 'PLAINTEXT') {
    // Anything else would never be looked up when it is presented.
    refuseUnless(
      hasLegacyShape(value, prefixes),
      'value',
      'A legacy secret has 16 to 512 printable ASCII characters without blanks, is no JWT, and does not begin with a prefix of keys made here.',
    )
    return { hash: hashSecret(value), ...shownPartsOf(value) }
  }
  refuseUnless(
    allowsHashes,
    'encoding',
    'Send the secret itself, as PLAINTEXT: hashes are imported here only once the operator has allowed it by latchkey workspace hash-import.',
  )
  const { start, last4 } = { start: shown.start ?? '', last4: shown.last4 ?? '' }
  const [bytes, text, message] =
    encoding === 'SHA256_HEX'
      ? (['hex', value.toLowerCase(), 'A SHA-256 in hex has 64 digits.'] as const)
      : ([
          'base64',
          value,
          'A SHA-256 in base64 has 44 characters, of which the last is its padding.',
        ] as const)
  const hash = Buffer.from(value, bytes)
  refuseUnless(hash.length === 32 && hash.toString(bytes) === text, 'value', message)
  const need = (max: number): string =>
    `With a hash this is needed: 1 to ${max} printable ASCII characters without blanks.`
  refuseUnless(isShowable(start, maxStart), 'start', need(maxStart))
  refuseUnless(isShowable(last4, maxEnd), 'last4', need(maxEnd))
  const secret = { hash: new Uint8Array(hash), start, last4 }
  refuseUnless(!isWholeSecret(secret), 'start', 'Together with last4 this is the whole secret.')
  return secret
}

/** Reads a key to import, and notes what is wrong with it by itself. */
export function parseLegacyKey(input: LegacyKeyInput, rules: ImportRules): ParsedKey {
  const problems = new ValidationErrors(maxErrorsPerKey)
  const name = validateInput(problems, nameSchema, input.name, ['name'])
  const secret = secretInput(problems, input, rules)
  const permissions = permissionNamesInput(problems, ['permissions'], input.permissions ?? [])
  validateRequirements(problems, ['permissions'], permissions)
  const spaces = input.spaceIds?.length ?? 0
  if (spaces > maxGrants)
    problems.add('INVALID', ['spaceIds'], `At most ${maxGrants} spaces are possible.`)
  if (input.allSpaces && spaces > 0)
    problems.add('INVALID', ['spaceIds'], 'A key is for all spaces or for a list, not both.')
  return { input, problems, name, permissions, secret }
}
