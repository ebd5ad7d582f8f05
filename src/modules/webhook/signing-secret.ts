import { hkdfSync, randomBytes } from 'node:crypto'
import { CompactEncrypt, compactDecrypt } from 'jose'

/** What encrypts signing secrets at rest, derived from SECRETS_KEY (HKDF-SHA-256, RFC 5869). */
export const deriveWebhookKey = (secretsKey: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secretsKey, '', 'latchkey webhook secrets', 32))

/** A new signing secret of 256 random bits, in the form of Standard Webhooks. */
export const createSigningSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`

/** The secret of that endpoint as it is stored (AES-256-GCM). */
export const encryptSecret = (
  key: Uint8Array,
  endpointId: string,
  secret: string,
): Promise<string> =>
  new CompactEncrypt(new TextEncoder().encode(secret))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: endpointId })
    .encrypt(key)

/** @throws when it was stored under another key, or for another endpoint */
export async function decryptSecret(
  key: Uint8Array,
  endpointId: string,
  stored: string,
): Promise<string> {
  const { plaintext, protectedHeader } = await compactDecrypt(stored, key)
  if (protectedHeader.kid !== endpointId)
    throw new Error(`the signing secret stored for ${endpointId} is another endpoint's`)
  return new TextDecoder().decode(plaintext)
}
