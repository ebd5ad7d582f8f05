import { setTimeout as sleep } from 'node:timers/promises'
import { readSecret, storeSecret } from './key-file.ts'
import { ask } from './latchkey.ts'

const dayMs = 86_400_000
/** How old a secret gets. */
const maxAgeDays = 30
/** The old secret works on for so long: the time in which a lost answer can be made up for. */
const overlapSeconds = 86_400
/** Rotation keeps the expiry of the key, so a person must extend it in time. */
const expiryNoticeDays = 14

interface ApiKey {
  readonly id: string
  readonly start: string
  readonly last4: string
  readonly createdAt: string
  readonly rotatedAt: string | null
  readonly effectiveExpiresAt: string | null
}

const whoAmI = `query WhoAmI {
  viewer { apiKey { id start last4 createdAt rotatedAt effectiveExpiresAt } }
}`

const rotateKey = `mutation RotateKey($input: RotateApiKeyInput!) {
  rotateApiKey(input: $input) { secret errors { code message } }
}`

interface Rotation {
  readonly rotateApiKey: {
    readonly secret: string | null
    readonly errors: readonly { readonly code: string; readonly message: string }[]
  }
}

const daysSince = (instant: string): number => (Date.now() - Date.parse(instant)) / dayMs

function isDue(secret: string, { start, last4, createdAt, rotatedAt }: ApiKey): boolean {
  // The key shows another secret than ours: it was rotated, and the answer did not arrive here.
  if (!secret.startsWith(start) || !secret.endsWith(last4)) return true
  return daysSince(rotatedAt ?? createdAt) >= maxAgeDays
}

/**
 * Rotates the key in the file when its secret is old, or when the answer to the last rotation was
 * lost, and returns the secret to use.
 *
 * Within 30 s of a rotation another one is CONFLICT: an answer was lost just now, or another process
 * with the same file is a moment ahead. Either shows when the file is read again a little later.
 *
 * @throws LatchkeyError FORBIDDEN when the key may not rotate itself, or when somebody else already
 *   uses its new secret
 */
export async function freshSecret(url: string, file: string): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const secret = await readSecret(file)
    const { apiKey } = (await ask<{ viewer: { apiKey: ApiKey | null } }>(url, secret, whoAmI))
      .viewer
    if (apiKey === null) throw new Error(`${file} holds no API key`)
    const { id, effectiveExpiresAt } = apiKey
    if (effectiveExpiresAt !== null && daysSince(effectiveExpiresAt) > -expiryNoticeDays)
      console.error(`The key ${id} expires at ${effectiveExpiresAt}. Rotation does not extend it.`)
    if (!isDue(secret, apiKey)) return secret

    const input = { id, overlapSeconds }
    const { rotateApiKey } = await ask<Rotation>(url, secret, rotateKey, { input })
    if (rotateApiKey.secret !== null) {
      await storeSecret(file, rotateApiKey.secret)
      return rotateApiKey.secret
    }
    const [error] = rotateApiKey.errors
    if (error?.code !== 'CONFLICT' || attempt === 10)
      throw new Error(`${error?.code}: ${error?.message}`)
    await sleep(5_000)
  }
}
