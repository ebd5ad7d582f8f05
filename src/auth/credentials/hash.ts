import { hash } from 'node:crypto'

/** SHA-256 of a secret: what is stored of it. A random secret of 256 bits needs no slower hash. */
export const hashSecret = (secret: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(hash('sha256', secret, 'buffer'))

/** The same as text: what a secret is remembered under in memory. */
export const secretDigest = (secret: string): string => hash('sha256', secret, 'base64')
